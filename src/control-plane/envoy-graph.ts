import type { UpstreamGroup } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import type { Secret } from "../../generated/proto/epoxy/gloo/v1/secret.ts";
import { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import type { Collection, Graph, Lookup, Value } from "../collections/index.ts";
import {
  checkFragmentTls,
  checkUpstreamGroup,
  consulUpstreamRef,
  type EndpointAddress,
  KUBERNETES_SERVICE_PREFIX,
  type KubernetesService,
  type TlsSecretState,
  tlsSecretState,
  type TranslatedUpstream,
  type TranslationContext,
  type TranslationSettings,
  translateListener,
  translateUpstream,
  translateVirtualHost,
  UNSEEN_TLS_SECRET,
  type UpstreamState,
} from "../envoy/index.ts";
import { refKey, refOf, sharedText, type TranslationProblem } from "../resources/index.ts";
import { resourceFromBytes, typeUrls, type XdsPart, xdsPart } from "../xds/index.ts";
import { allClusters, type ReachedClusters } from "./all-clusters.ts";
import { buildAssignments, buildClusters, type BuiltCluster, serveClusters } from "./cluster-graph.ts";
import { type KubernetesInputs, serviceFacts, serviceLookup, servicesByCluster } from "./kubernetes-graph.ts";
import { domainKeyOf, domainKeysOf, listenerKeyOf, originOf, proxyOf, snapshotKeyOf } from "./fragment-keys.ts";
import { leaveDomains } from "./leave-domains.ts";
import { type BuiltListener, type BuiltVirtualHost, partsOf, sameVirtualHost, serveRoutes } from "./route-graph.ts";
import { type ServedResource, sameResource, servedEntry } from "./served-resource.ts";

export interface EnvoyInputs {
  /** Fragments with a listener, by fragmentKey. */
  readonly listeners: Collection<ProxyFragment>;
  /** Listeners that aren't opened: only what is wrong with them counts. */
  readonly idleListeners: Collection<ProxyFragment>;
  /** Fragments with one virtual host, by fragmentKey. */
  readonly virtualHosts: Collection<ProxyFragment>;
  readonly upstreams: Collection<Upstream>;
  readonly upstreamGroups: Collection<UpstreamGroup>;
  /** `unseen`: nobody can read them, so whatever is said of them is believed. */
  readonly secrets: Collection<Secret> | "unseen";
  /** Why `secrets` isn't all that there is, though it may count as complete; undefined: it is. */
  readonly unreadSecrets?: Value<string> | undefined;
  /** By refKey of the Upstream; only of those whose endpoints are discovered. Absent: not known yet. */
  readonly endpoints: Collection<readonly EndpointAddress[]>;
  readonly settings: Value<TranslationSettings>;
  /** Virtual hosts, which take longest, aren't translated before it is set, so that clusters can go ahead. Absent: they are from the start. */
  readonly routesDue?: Value<true> | undefined;
  /** Whether routes may name Consul services that have no Upstream. */
  readonly consul: boolean;
  /** Kubernetes, where it is configured; `unseen`: nobody looks at it, so whatever is said of its services is believed. */
  readonly kubernetes?: KubernetesInputs | "unseen" | undefined;
  /** What was built last before this process, by fragmentKey. */
  readonly lastGood?: {
    listener(key: string): BuiltListener | undefined;
    virtualHost(key: string): BuiltVirtualHost | undefined;
  };
}

export interface EnvoyOutputs {
  /** Everything that proxies get, by `<snapshot key>|<type URL>|<name>`. */
  readonly served: Collection<ServedResource>;
  /** All Upstreams, those too that stand for Consul services which routes name directly. By refKey. */
  readonly upstreams: Collection<Upstream>;
  /** By name, whether a proxy gets them or not. */
  readonly clusters: Collection<BuiltCluster>;
  /** Of Upstreams and UpstreamGroups. */
  readonly upstreamProblems: readonly Collection<readonly TranslationProblem[]>[];
  readonly proxyProblems: readonly Collection<readonly TranslationProblem[]>[];
  /** By fragmentKey; a fault leaves here what was good last. */
  readonly listeners: Collection<BuiltListener>;
  readonly virtualHosts: Collection<BuiltVirtualHost>;
}

interface Inputs extends EnvoyInputs {
  readonly kubernetes: KubernetesInputs | undefined;
  readonly isUnseen: boolean;
  readonly serviceFacts: Collection<KubernetesService> | undefined;
  readonly tlsSecrets: Collection<TlsSecretState> | undefined;
}

/** Of ten thousand clusters the messages would take far more memory than their bytes. */
interface BuiltUpstream extends Omit<TranslatedUpstream, "cluster" | "bytes"> {
  readonly part: XdsPart | undefined;
}
const withoutMessage = ({ cluster: _, bytes, ...built }: TranslatedUpstream): BuiltUpstream => ({
  ...built,
  part: bytes && xdsPart(bytes, upstreamOrigin(built.clusterName)),
});

/** Fragments, upstreams and endpoints as encoded Envoy resources, each made again only when something it depends on changes. */
export function envoyGraph(graph: Graph, given: EnvoyInputs): EnvoyOutputs {
  const kubernetes = given.kubernetes === "unseen" ? undefined : given.kubernetes;
  const isUnseen = given.kubernetes === "unseen";
  const inputs: Inputs = {
    ...given,
    kubernetes,
    isUnseen,
    serviceFacts: kubernetes && serviceFacts(graph, kubernetes),
    // Not the secrets themselves: a renewed certificate translates nothing again.
    tlsSecrets:
      given.secrets === "unseen" ? undefined : graph.derive("envoy/tls-secrets", given.secrets, tlsSecretState),
  };
  const builtUpstreams = graph.derive("envoy/upstreams", inputs.upstreams, (upstream, _key, lookup) =>
    withoutMessage(translateUpstream(upstream, contextOf(inputs, lookup, undefined))),
  );
  const states = graph.derive("envoy/upstream-states", builtUpstreams, ({ state }) => state);
  const listeners = buildListeners(graph, inputs, states);
  const virtualHosts = buildVirtualHosts(graph, inputs, states);
  // Before all that is only served, so that asking what would be wrong needs none of it.
  const upstreamProblems = [
    graph.derive("envoy/upstream-problems", builtUpstreams, ({ problems }) => nonEmpty(problems)),
    graph.derive("envoy/upstream-group-problems", inputs.upstreamGroups, (group, _key, lookup) =>
      nonEmpty(checkUpstreamGroup(group, contextOf(inputs, lookup, states))),
    ),
  ];
  const proxyProblems = [
    graph.derive("envoy/idle-listener-problems", inputs.idleListeners, (fragment, _key, lookup) =>
      nonEmpty(translateListener(fragment, contextOf(inputs, lookup, states)).problems),
    ),
    ...Object.entries({ listener: inputs.listeners, "virtual-host": inputs.virtualHosts }).map(([name, fragments]) =>
      graph.derive(`envoy/${name}-tls-problems`, fragments, (fragment, _key, lookup) =>
        nonEmpty(checkFragmentTls(fragment, contextOf(inputs, lookup, states))),
      ),
    ),
    graph.derive("envoy/listener-problems", listeners, ({ problems }) => nonEmpty(problems)),
    graph.derive("envoy/virtual-host-problems", virtualHosts, ({ problems }) => nonEmpty(problems)),
  ];
  const { tables, ownTables } = serveRoutes(graph, inputs.listeners, listeners, virtualHosts);

  // Most changes of a virtual host leave its clusters as they are, which may be thousands.
  const reached = graph.derive("envoy/reached-clusters", virtualHosts, ({ snapshotKey, clusters: used }) => ({
    snapshotKey,
    clusters: used,
  }));
  const { upstreams, clusters } = namedServices(graph, inputs, builtUpstreams, reached);
  const uses = reached.index("by-cluster", ({ snapshotKey, clusters: used }) =>
    used.map((cluster) => `${snapshotKey}|${cluster}`),
  );
  const wanted = graph.join(
    "envoy/wanted-clusters",
    {
      used: graph.groupBy("envoy/cluster-uses", uses),
      all: allClusters(graph, { ...inputs, clusters, reached }),
    },
    () => true,
  );
  const assignments = buildAssignments(graph, inputs, upstreams);
  const built = buildClusters(graph, clusters, assignments);
  const servedClusters = serveClusters(graph, built, assignments, wanted);
  const servedListeners = graph.deriveMany("envoy/served-listeners", listeners, ({ snapshotKey, resource }) =>
    resource === undefined ? [] : [servedEntry(snapshotKey, resource)],
  );

  return {
    served: graph.join(
      "envoy/served",
      { servedClusters, servedListeners, tables, ownTables },
      // They have no key in common.
      (values) => values.servedClusters ?? values.servedListeners ?? values.tables ?? values.ownTables,
      { equals: sameResource },
    ),
    upstreams,
    clusters: built,
    listeners,
    virtualHosts,
    upstreamProblems,
    proxyProblems,
  };
}

const nonEmpty = <T>(items: readonly T[]): readonly T[] | undefined => (items.length === 0 ? undefined : items);
function contextOf(
  inputs: Inputs,
  lookup: Lookup,
  states: Collection<UpstreamState> | undefined,
  maxDirectResponseBodyBytes?: number,
): TranslationContext {
  return {
    upstream(ref) {
      // A service that a route names directly needs no Upstream; whether Consul knows it shows in its endpoints.
      if (ref.namespace === "" && ref.name.startsWith(SERVICE_PREFIX)) {
        return inputs.consul ? { valid: true, subsets: [] } : undefined;
      }
      return states === undefined ? undefined : lookup.get(states, refKey(ref));
    },
    upstreamGroup: (ref) => lookup.get(inputs.upstreamGroups, refKey(ref)),
    tlsSecret(ref) {
      if (inputs.tlsSecrets === undefined) return UNSEEN_TLS_SECRET;
      const found = lookup.get(inputs.tlsSecrets, refKey(ref));
      if (found !== undefined || inputs.unreadSecrets === undefined) return found;
      const unread = lookup.value(inputs.unreadSecrets);
      return unread === undefined ? undefined : { ...UNSEEN_TLS_SECRET, unread };
    },
    kubernetesService: inputs.isUnseen
      ? () => UNSEEN_SERVICE
      : inputs.serviceFacts &&
        inputs.kubernetes &&
        serviceLookup(inputs.serviceFacts, inputs.kubernetes.unread, lookup),
    get settings() {
      return lookup.value(inputs.settings) ?? NO_SETTINGS;
    },
    maxDirectResponseBodyBytes,
  };
}

const UNSEEN_SERVICE: KubernetesService = { ports: undefined };

const NO_SETTINGS: TranslationSettings = {
  invalidConfigPolicy: undefined,
  circuitBreakers: undefined,
  regexMaxProgramSize: undefined,
  scopedRoutes: true,
  allUpstreams: false,
  kubernetesDestinations: true,
  warnMissingTlsSecret: false,
};

function buildListeners(graph: Graph, inputs: Inputs, states: Collection<UpstreamState>): Collection<BuiltListener> {
  return graph.derive(
    "envoy/listeners",
    inputs.listeners,
    (fragment, key, lookup, previous: BuiltListener | undefined): BuiltListener => {
      const { bytes, listener, routeConfigName, scoped, problems, fatal } = translateListener(
        fragment,
        contextOf(inputs, lookup, states),
      );
      // A listener that can't be built keeps its last good version: its connections and traffic go on.
      const last = fatal ? (previous ?? inputs.lastGood?.listener(key)) : undefined;
      if (last?.resource !== undefined) return { ...last, problems };
      const resource =
        bytes && listener && resourceFromBytes(typeUrls.listener, listener.name, bytes, { origin: originOf(fragment) });
      return { snapshotKey: snapshotKeyOf(proxyOf(fragment)), resource, routeConfigName, scoped, problems };
    },
  );
}

function buildVirtualHosts(
  graph: Graph,
  inputs: Inputs,
  states: Collection<UpstreamState>,
): Collection<BuiltVirtualHost> {
  const limits = graph.derive(
    "envoy/body-limits",
    inputs.listeners,
    (fragment) => fragment.listener?.routeOptions?.maxDirectResponseBodySizeBytes,
  );
  const claims = inputs.virtualHosts.index("by-domain", domainKeysOf);
  return graph.derive(
    "envoy/virtual-hosts",
    inputs.virtualHosts,
    (fragment, key, lookup, previous: BuiltVirtualHost | undefined): BuiltVirtualHost | undefined => {
      if (inputs.routesDue !== undefined && lookup.value(inputs.routesDue) === undefined) return undefined;
      const limit = lookup.get(limits, `${listenerKeyOf(fragment)}|`);
      const context = contextOf(inputs, lookup, states, limit);
      const translated = translateVirtualHost(fragment, context, (part, values, make) =>
        lookup.part(part, values, make),
      );
      const { clusters, problems, fatal } = translated;
      const kept = fatal ? (previous ?? inputs.lastGood?.virtualHost(key)) : undefined;
      const last =
        kept &&
        leaveDomains(kept, (domain) =>
          lookup.index(claims, domainKeyOf(fragment, domain)).some((claimant) => claimant !== fragment),
        );
      if (last?.parts !== undefined) return { ...last, problems };
      const snapshotKey = snapshotKeyOf(proxyOf(fragment));
      const parts = partsOf(translated, originOf(fragment));
      return { snapshotKey, listenerKey: listenerKeyOf(fragment), parts, clusters, problems };
    },
    { equals: sameVirtualHost },
  );
}

/** Of a cluster, by its name `<name>_<namespace>`; neither half can have an underscore. */
function upstreamOrigin(cluster: string): string {
  const bar = cluster.lastIndexOf("_");
  return sharedText(`Upstream/${refKey({ namespace: cluster.slice(bar + 1), name: cluster.slice(0, bar) })}`);
}

const SERVICE_PREFIX = consulUpstreamRef("").name;

function consulServiceUpstream(cluster: string): Upstream {
  const ref = consulUpstreamRef(cluster.slice(SERVICE_PREFIX.length, -1));
  const serviceName = ref.name.slice(SERVICE_PREFIX.length);
  return Upstream.fromPartial({ metadata: { ...ref }, upstreamType: { $case: "consul", value: { serviceName } } });
}

/** Adds Upstreams for the Consul services that routes name directly, and finds all clusters by name. */
function namedServices(
  graph: Graph,
  inputs: Inputs,
  built: Collection<BuiltUpstream>,
  reached: Collection<ReachedClusters>,
): { readonly upstreams: Collection<Upstream>; readonly clusters: Collection<BuiltUpstream> } {
  const users = graph.groupBy("envoy/service-uses", reached, ({ clusters }) =>
    clusters.filter((cluster) => cluster.startsWith(SERVICE_PREFIX) || cluster.startsWith(KUBERNETES_SERVICE_PREFIX)),
  );
  const kubernetesServices = inputs.kubernetes && servicesByCluster(graph, inputs.kubernetes);
  const services = graph.deriveMany("envoy/services", users, (_users, cluster, lookup) => {
    const upstream = cluster.startsWith(SERVICE_PREFIX)
      ? consulServiceUpstream(cluster)
      : kubernetesServices && lookup.get(kubernetesServices, cluster);
    return upstream === undefined ? [] : [[refKey(refOf(upstream)), upstream] as const];
  });
  const builtServices = graph.derive("envoy/built-services", services, (upstream, _key, lookup) =>
    withoutMessage(translateUpstream(upstream, contextOf(inputs, lookup, undefined))),
  );
  const byName = (name: string, collection: Collection<BuiltUpstream>) =>
    graph.deriveMany(name, collection, (upstream) => [[upstream.clusterName, upstream] as const]);
  const stored = byName("envoy/clusters-of-upstreams", built);
  const named = byName("envoy/clusters-of-services", builtServices);
  return {
    upstreams: graph.join(
      "envoy/all-upstreams",
      { stored: inputs.upstreams, services },
      (values) => values.stored ?? values.services,
    ),
    clusters: graph.join("envoy/clusters", { stored, named }, (values) => values.stored ?? values.named),
  };
}
