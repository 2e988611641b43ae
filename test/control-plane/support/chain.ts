import {
  GatewayKind,
  ProxyKind,
  RouteOptionKind,
  RouteTableKind,
  SecretKind,
  UpstreamGroupKind,
  UpstreamKind,
  VirtualHostOptionKind,
  VirtualServiceKind,
} from "../../../generated/sdk/index.ts";
import { createGraph, type Graph, type Source } from "../../../src/collections/index.ts";
import { type EnvoyInputs, envoyGraph } from "../../../src/control-plane/envoy-graph.ts";
import { assembleProxies } from "../../../src/control-plane/persist-proxies.ts";
import { shortCircuitProblems } from "../../../src/control-plane/short-circuits.ts";
import { type JudgedKind, statusGraph } from "../../../src/control-plane/status-graph.ts";
import { feedCache } from "../../../src/control-plane/served-resource.ts";
import type { EndpointSlice, Service } from "../../../src/discovery/index.ts";
import type { EndpointAddress, TranslationSettings } from "../../../src/envoy/index.ts";
import { translationSettings } from "../../../src/envoy/index.ts";
import { gatewayCollections, type GatewayInputs, type GatewaySettings } from "../../../src/gateway/index.ts";
import {
  type AnyKind,
  createRegistry,
  parseResources,
  type Resource,
  refKey,
  refOf,
  specEquals,
} from "../../../src/resources/index.ts";
import { type Memory, remembering } from "./remembering-graph.ts";
import { createXdsCache, createXdsServer, typeUrls, type XdsCache, type XdsServer } from "../../../src/xds/index.ts";

const kinds: readonly AnyKind[] = [
  GatewayKind,
  VirtualServiceKind,
  RouteTableKind,
  VirtualHostOptionKind,
  RouteOptionKind,
  ProxyKind,
  UpstreamKind,
  UpstreamGroupKind,
  SecretKind,
];
export const registry = createRegistry(kinds as never);

/** Resources of several kinds from YAML in Kubernetes' shape; what is wrong with it is thrown. */
export function resourcesOf(yaml: string): { readonly kind: string; readonly resource: Resource }[] {
  const { documents, problems } = parseResources<Resource>(registry, yaml, "test.yaml", {
    defaultNamespace: "gloo-system",
  });
  if (problems.length > 0) throw new AggregateError(problems, problems.map(({ message }) => message).join("\n"));
  return documents.map(({ kind, resource }) => ({ kind: kind.kind, resource }));
}

export const gatewayDefaults: GatewaySettings = {
  writeNamespace: "gloo-system",
  readGatewaysFromAllNamespaces: false,
  translateEmptyGateways: false,
};

/** What a chain has beside the resources of gateways. */
export interface ChainSurroundings {
  /**
   * Whether there is all that a control plane may have: Consul and Kubernetes, warnings of routes that are never reached, Proxies put
   * together from their fragments.
   */
  readonly whole?: boolean;
  /** The cache of an earlier chain. */
  readonly cache?: XdsCache;
  /** What an earlier chain had. */
  readonly lastGood?: EnvoyInputs["lastGood"];
  readonly lastOwners?: GatewayInputs["lastOwners"];
}

/** Everything between storage and xDS server: sources that a test edits, the derived graph, and a cache that it feeds. */
export function createChain(
  settings: Partial<TranslationSettings> = {},
  memory?: Memory,
  observed: (graph: Graph) => Graph = (graph) => graph,
  areRoutesDue = true,
  surroundings: ChainSurroundings = {},
) {
  const bare = createGraph({ schedule: () => {}, onError: ({ error }) => failures.push(error) });
  const failures: Error[] = [];
  const graph = observed(memory === undefined ? bare : remembering(bare, memory));
  const sources = new Map<string, Source<any>>(
    kinds.map((kind) => {
      const source = graph.source<any>(kind.plural, { equals: (a, b) => specEquals(kind as never, a, b) });
      source.markSynced();
      return [kind.kind, source];
    }),
  );
  const source = (kind: string): Source<any> => sources.get(kind) as Source<any>;
  const gatewaySettings = graph.value<GatewaySettings>("gateway settings");
  gatewaySettings.set(gatewayDefaults);
  const translation = graph.value<TranslationSettings>("translation settings");
  translation.set({ ...translationSettings(undefined), ...settings });
  const routesDue = graph.value<true>("routes due");
  if (areRoutesDue) routesDue.set(true);
  const endpoints = graph.source<readonly EndpointAddress[]>("endpoints");
  endpoints.markSynced();
  const whole = surroundings.whole === true;
  const kubernetes = whole ? kubernetesSources(graph) : undefined;
  const gateway = gatewayCollections(graph, {
    gateways: source("Gateway"),
    virtualServices: source("VirtualService"),
    routeTables: source("RouteTable"),
    virtualHostOptions: source("VirtualHostOption"),
    routeOptions: source("RouteOption"),
    proxies: source("Proxy"),
    settings: gatewaySettings,
    lastOwners: surroundings.lastOwners,
  });
  const envoy = envoyGraph(graph, {
    listeners: gateway.listeners,
    idleListeners: gateway.idleListeners,
    virtualHosts: gateway.virtualHosts,
    upstreams: source("Upstream"),
    upstreamGroups: source("UpstreamGroup"),
    secrets: source("Secret"),
    endpoints,
    settings: translation,
    routesDue,
    consul: whole,
    kubernetes: kubernetes && { ...kubernetes, onlyIPv4: false },
    ...(surroundings.lastGood && { lastGood: surroundings.lastGood }),
  });
  const warnShortCircuits = graph.value<boolean>("warn short circuits");
  warnShortCircuits.set(false);
  const shortCircuits = whole ? [shortCircuitProblems(graph, gateway.virtualHosts, warnShortCircuits)] : [];
  const judged = (kind: AnyKind, mustBeServed = false): JudgedKind => ({
    kind,
    resources: source(kind.kind),
    reportedBy: "gateway",
    mustBeServed,
  });
  const statuses = statusGraph(graph, {
    kinds: kinds.filter(({ hasStatus }) => hasStatus).map((kind) => judged(kind, kind.kind === "VirtualService")),
    ownProblems: [...gateway.problems, ...shortCircuits, ...envoy.upstreamProblems],
    proxyProblems: envoy.proxyProblems,
    listeners: gateway.listeners,
    virtualHosts: gateway.virtualHosts,
  });
  const cache = surroundings.cache ?? createXdsCache();
  let server: XdsServer | undefined;
  const feed = feedCache(envoy.served, cache, () => {});

  return {
    graph: bare,
    /** What the graph's functions threw: nothing that a user writes makes them throw. */
    failures,
    statuses,
    gateway,
    envoy,
    cache,
    /** Leaves the cache to a later chain. */
    leaveCache: feed.stop,
    shortCircuits,
    proxies: whole ? assembleProxies(graph, gateway) : undefined,
    endpoints,
    kubernetes,
    warnShortCircuits,
    gatewaySettings,
    translation,
    routesDue,
    source,
    /** Creates or replaces what the YAML holds. */
    apply(yaml: string): void {
      for (const { kind, resource } of resourcesOf(yaml)) source(kind).set(refKey(refOf(resource)), resource);
      graph.flush();
    },
    remove(kind: string, name: string): void {
      source(kind).delete(`gloo-system/${name}`);
      graph.flush();
    },
    /**
     * Whether all proxies have accepted all that the cache holds. Between a scope that it has accepted and the table that this leads to, a
     * proxy has nothing unanswered either: it is about to ask for the table.
     */
    quiet: () =>
      server
        ?.streams()
        .every(
          ({ key = "", types }) =>
            types.every(
              ({ outstanding, held, unsent }) => outstanding === 0 && held.length === 0 && unsent.length === 0,
            ) && asksForAllTables(cache, key, types),
        ) === true,
    /** Serves the cache. */
    async serve(): Promise<XdsServer & { readonly port: number }> {
      server = createXdsServer({
        cache,
        snapshotKey: ({ metadata }) => metadata?.["role"] as string | undefined,
        fallbackKey: "misconfigured-node",
        port: 0,
      });
      const { port } = await server.listen();
      return Object.assign(server, { port });
    },
  };
}

function asksForAllTables(
  cache: XdsCache,
  key: string,
  types: readonly { readonly typeUrl: string; readonly names: readonly string[] }[],
): boolean {
  const asked = new Set(types.find(({ typeUrl }) => typeUrl === typeUrls.route)?.names);
  const tables = cache.dump(key).find(({ typeUrl }) => typeUrl === typeUrls.route)?.resources ?? {};
  return Object.keys(tables).every((name) => asked.has(name));
}

function kubernetesSources(graph: Graph) {
  const [services, slices, pods] = [
    graph.source<Service>("services"),
    graph.source<EndpointSlice>("slices"),
    graph.source<Readonly<Record<string, string>>>("pods"),
  ];
  for (const source of [services, slices, pods]) source.markSynced();
  const podsKnown = graph.value<boolean>("pods known");
  podsKnown.set(false);
  const unread = graph.value<string>("kubernetes unread");
  unread.set(undefined);
  return { services, slices, pods, podsKnown, unread };
}

export type Chain = ReturnType<typeof createChain>;
