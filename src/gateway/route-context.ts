import type { Route as ProxyRoute } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { RouteOptions } from "../../generated/proto/epoxy/gloo/v1/route_options.ts";
import type { Matcher } from "../../generated/proto/epoxy/gloo/matchers/v1/matchers.ts";
import { type ProblemSource, type Ref, refText, sharedText, type TranslationProblem } from "../resources/index.ts";
import type { Inheritance } from "./inherit-matcher.ts";
import type { Lookups } from "./lookups.ts";

/** Routes that stand one after the other. */
export type RoutePiece = readonly ProxyRoute[];

/** What a delegating route hands down to the routes of its table. */
export interface DelegatingRoute {
  readonly matcher: Matcher;
  readonly inheritance: Inheritance;
  readonly options: RouteOptions | undefined;
}

/** Where the walk through a virtual service's routes stands. */
export interface RouteContext {
  readonly lookups: Lookups;
  /** The virtual service, then the route tables on the way to the route at hand, each with the path of its delegating route. */
  readonly owners: readonly ProblemSource[];
  readonly parent: DelegatingRoute | undefined;
  /** Name so far, such as `vs:gateway-proxy_gateway-proxy_gloo-system_default`. */
  readonly name: string;
  readonly named: boolean;
  readonly report: (problem: TranslationProblem) => void;
}

export const currentOwner = (context: RouteContext): Ref => (context.owners.at(-1) as ProblemSource).ref;

/**
 * Reports a problem of a route to the resource that holds it, and to those that delegate to it with the table's name
 * beside the text, as Gloo does.
 */
export function reportRoute(
  context: RouteContext,
  severity: TranslationProblem["severity"],
  message: string,
  path: string,
): void {
  const holder = context.owners.at(-1) as ProblemSource;
  context.report({ severity, message, path, sources: [{ kind: holder.kind, ref: holder.ref }] });
  if (context.owners.length === 1) return;
  context.report({
    severity,
    message: `on sub route table ${refText(holder.ref)}: ${message}`,
    path: undefined,
    sources: context.owners.slice(0, -1),
  });
}

/** A route that keeps its place and matchers and answers by itself, so that its traffic never reaches a later route. */
export function closedRoute(
  context: RouteContext,
  matchers: readonly Matcher[],
  status: 500 | 503,
  body: string,
  path: string,
): ProxyRoute {
  return {
    matchers,
    action: { $case: "directResponseAction", value: { status, body } },
    options: undefined,
    opaqueMetadata: sourcesOf(context, path),
    name: "",
  };
}

/** Records which resources a route came from, so that whoever finds fault with it later can say whose it is. */
export function sourcesOf(context: RouteContext, path = ""): NonNullable<ProxyRoute["opaqueMetadata"]> {
  return {
    $case: "metadataStatic",
    value: {
      sources: context.owners.map(({ kind, ref, path: delegating = path }) => ({
        resourceKind: sharedText(`*v1.${kind}`),
        resourceRef: { name: ref.name, namespace: ref.namespace },
        observedGeneration: 0n,
        path: sharedText(delegating),
      })),
    },
  };
}
