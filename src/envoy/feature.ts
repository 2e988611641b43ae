import type { HttpListenerOptions } from "../../generated/proto/epoxy/gloo/v1/http_listener_options.ts";
import type { ListenerOptions } from "../../generated/proto/epoxy/gloo/v1/listener_options.ts";
import type { RouteOptions } from "../../generated/proto/epoxy/gloo/v1/route_options.ts";
import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import type { VirtualHostOptions } from "../../generated/proto/epoxy/gloo/v1/virtual_host_options.ts";
import type { WeightedDestinationOptions } from "../../generated/proto/epoxy/gloo/v1/weighted_destination_options.ts";
import type {
  EnvoyCluster,
  EnvoyClusterWeight,
  EnvoyListener,
  EnvoyRoute,
  EnvoyRouteAction,
  EnvoyVirtualHost,
  HttpConnectionManager,
  HttpFilter,
} from "./api.ts";
import type { TranslationContext } from "./context.ts";
import type { Report } from "./report.ts";

/** The order in which HTTP filters see a request, which is also the order in which features contribute. */
export const stages = ["fault", "cors", "waf", "authN", "authZ", "rateLimit", "accepted", "outAuth", "route"] as const;
export type Stage = (typeof stages)[number];

/** What a hook may look at, and where it reports. */
export interface FeatureScope {
  readonly context: TranslationContext;
  readonly report: Report;
  /** Path of the options that the hook was given, such as `routes[2].options`. */
  readonly path: string;
}

/** Fields of the Envoy route, and of its forwarding action; the latter have no effect on a route that forwards nothing. */
export interface RouteContribution {
  readonly route?: Partial<EnvoyRoute>;
  readonly action?: Partial<EnvoyRouteAction>;
}

/** An HTTP filter and its place among the others. */
export interface StagedHttpFilter {
  readonly stage: Stage;
  readonly placement: "before" | "during" | "after";
  readonly filter: HttpFilter;
}

export interface HttpListenerContribution {
  readonly manager?: Partial<HttpConnectionManager>;
  readonly httpFilters?: readonly StagedHttpFilter[];
}

/**
 * A feature: it turns some fields of our options into some fields of Envoy's messages.
 *
 * Hooks are pure and return contributions; undefined means none. Contributions are merged in the order of stages, then of names: lists are
 * joined, maps are merged, any other field is replaced. A fault is an error in the report, upon which the route answers
 * 500 and a virtual host, listener or cluster keeps its last good version. Hooks never throw on users' input.
 */
export interface Feature {
  /** As its folder. */
  readonly name: string;
  readonly stage: Stage;
  /**
   * The fields that it implements, as dotted TypeScript names (lists and maps are passed through), each with all that is in it. What
   * no feature implements gets a Warning where it is set.
   */
  readonly implements: {
    readonly virtualHost?: readonly string[];
    readonly route?: readonly string[];
    readonly weightedDestination?: readonly string[];
    readonly upstream?: readonly string[];
    readonly httpListener?: readonly string[];
    readonly listener?: readonly string[];
  };
  virtualHost?(options: VirtualHostOptions, scope: FeatureScope): Partial<EnvoyVirtualHost> | undefined;
  route?(options: RouteOptions, scope: FeatureScope): RouteContribution | undefined;
  weightedDestination?(
    options: WeightedDestinationOptions,
    scope: FeatureScope,
  ): Partial<EnvoyClusterWeight> | undefined;
  cluster?(upstream: Upstream, scope: FeatureScope): Partial<EnvoyCluster> | undefined;
  httpListener?(options: HttpListenerOptions, scope: FeatureScope): HttpListenerContribution | undefined;
  listener?(options: ListenerOptions, scope: FeatureScope): Partial<EnvoyListener> | undefined;
}

/** The level of our options or messages that a field stands on. */
export type FeatureLevel = keyof Feature["implements"];

/** Sorts features as they contribute. */
export function orderFeatures(features: readonly Feature[]): readonly Feature[] {
  return features.toSorted(
    (a, b) => stages.indexOf(a.stage) - stages.indexOf(b.stage) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
}

/** Adds a contribution to a message: lists are joined, maps are merged, any other field is replaced. */
export function mergeContribution<T extends object>(message: T, contribution: Partial<T> | undefined): T {
  if (contribution === undefined) return message;
  const merged = { ...message } as Record<string, unknown>;
  for (const [field, value] of Object.entries(contribution)) {
    if (value === undefined) continue;
    const present = merged[field];
    if (Array.isArray(present) && Array.isArray(value)) merged[field] = [...present, ...value];
    else if (isMap(field, present)) merged[field] = sortedKeys({ ...present, ...(value as object) });
    else merged[field] = value;
  }
  return merged as T;
}

/** The fields of Envoy's messages that are maps and that several features may contribute to. */
const isMap = (field: string, value: unknown): value is Record<string, unknown> =>
  (field === "typedPerFilterConfig" || field === "typedExtensionProtocolOptions") && value !== undefined;

function sortedKeys(map: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
