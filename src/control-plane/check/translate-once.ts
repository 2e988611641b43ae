import {
  GatewayKind,
  ProxyKind,
  RateLimitConfigKind,
  RouteOptionKind,
  RouteTableKind,
  SecretKind,
  UpstreamGroupKind,
  UpstreamKind,
  VirtualHostOptionKind,
  VirtualServiceKind,
} from "../../../generated/sdk/index.ts";
import type { ProxyFragment } from "../../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import type { Graph, Source } from "../../collections/index.ts";
import type { EndpointAddress, TranslationSettings } from "../../envoy/index.ts";
import { gatewayCollections, type GatewaySettings } from "../../gateway/index.ts";
import { type Kind, refKey, refOf, type Resource, type TranslationProblem } from "../../resources/index.ts";
import { envoyGraph } from "../envoy-graph.ts";
import type { ServedResource } from "../served-resource.ts";
import type { SettingsView } from "../settings/settings-view.ts";
import { unservedProblems } from "../unserved-kinds.ts";
import type { CheckedResource } from "./check-configuration.ts";

/** What a configuration becomes. */
export interface Translated {
  readonly problems: readonly TranslationProblem[];
  readonly virtualHosts: readonly ProxyFragment[];
  readonly served: readonly ServedResource[];
}

/** Translates resources by the very graphs that the control plane keeps, which are filled once and never change. */
export function translateOnce(
  graph: Graph,
  resources: readonly CheckedResource[],
  view: SettingsView,
  { consul, knowsSecrets }: { readonly consul: boolean; readonly knowsSecrets: boolean },
): Translated {
  const source = <T extends Resource>(kind: Kind<T>): Source<T> => {
    const collection = graph.source<T>(kind.plural, { equals: () => false });
    const own = resources.filter((candidate) => candidate.kind.kind === kind.kind);
    collection.replaceAll(own.map(({ resource }) => [refKey(refOf(resource)), resource as T]));
    collection.markSynced();
    return collection;
  };
  const gatewaySettings = graph.value<GatewaySettings>("gateway-settings");
  const translationSettings = graph.value<TranslationSettings>("translation-settings");
  gatewaySettings.set(view.gateway);
  // Whole route tables: where they are cut says nothing about what is in them.
  translationSettings.set({ ...view.translation, scopedRoutes: false });
  const fragments = gatewayCollections(graph, {
    gateways: source(GatewayKind),
    virtualServices: source(VirtualServiceKind),
    routeTables: source(RouteTableKind),
    virtualHostOptions: source(VirtualHostOptionKind),
    routeOptions: source(RouteOptionKind),
    proxies: source(ProxyKind),
    settings: gatewaySettings,
  });
  const endpoints = graph.source<readonly EndpointAddress[]>("endpoints");
  endpoints.markSynced();
  const envoy = envoyGraph(graph, {
    listeners: fragments.listeners,
    idleListeners: fragments.idleListeners,
    virtualHosts: fragments.virtualHosts,
    upstreams: source(UpstreamKind),
    upstreamGroups: source(UpstreamGroupKind),
    secrets: knowsSecrets ? source(SecretKind) : "unseen",
    endpoints,
    settings: translationSettings,
    consul,
    kubernetes: view.kubernetes && "unseen",
  });
  const unserved = unservedProblems(graph, source(RateLimitConfigKind));
  graph.flush();
  const [failure] = graph.errors();
  if (failure !== undefined) throw failure.error;
  const problems = [unserved, ...fragments.problems, ...envoy.upstreamProblems, ...envoy.proxyProblems];
  return {
    problems: problems.flatMap((collection) => collection.list().flat()),
    virtualHosts: fragments.virtualHosts.list(),
    served: envoy.served.list(),
  };
}
