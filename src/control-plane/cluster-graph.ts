import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import type { Collection, Graph } from "../collections/index.ts";
import { clusterName, type EndpointAddress, translateEndpoints } from "../envoy/index.ts";
import { parseRefKey } from "../resources/index.ts";
import { resourceFromBytes, resourceFromParts, typeUrls, type XdsPart, type XdsResource } from "../xds/index.ts";
import { endpointsOfServices, type KubernetesInputs } from "./kubernetes-graph.ts";
import { type ServedResource, sameResource, servedEntry } from "./served-resource.ts";

interface EndpointInputs {
  /** See `EnvoyInputs`. */
  readonly endpoints: Collection<readonly EndpointAddress[]>;
  readonly kubernetes: KubernetesInputs | undefined;
}

/** What came of an Upstream. */
interface TranslatedCluster {
  readonly clusterName: string;
  readonly edsServiceName: string | undefined;
  /** Undefined: no cluster can be made of it. */
  readonly part: XdsPart | undefined;
}

/** A cluster as proxies get it, and under which name they ask for its endpoints, if these aren't part of it. */
export interface BuiltCluster {
  readonly resource: XdsResource;
  readonly edsServiceName: string | undefined;
}

/** Endpoints as Envoy gets them, by the name under which it asks for them. Absent: not known yet. */
export function buildAssignments(
  graph: Graph,
  { kubernetes, endpoints: given }: EndpointInputs,
  upstreams: Collection<Upstream>,
): Collection<XdsResource> {
  const endpoints =
    kubernetes === undefined
      ? given
      : graph.join(
          "envoy/endpoints",
          { given, found: endpointsOfServices(graph, kubernetes, upstreams) },
          (values) => values.given ?? values.found,
        );
  return graph.deriveMany("envoy/assignment-resources", endpoints, (instances, key) => {
    const service = clusterName(parseRefKey(key));
    const { bytes } = translateEndpoints(service, instances);
    return [[service, resourceFromBytes(typeUrls.endpoint, service, bytes, { origin: `Upstream/${key}` })] as const];
  });
}

/**
 * A cluster whose endpoints are to be discovered from now on stays as it was until they are known: what proxies have goes on. One that goes over
 * from Consul to Kubernetes, or back, isn't served meanwhile: nobody keeps its former endpoints up to date.
 */
export function buildClusters(
  graph: Graph,
  clusters: Collection<TranslatedCluster>,
  assignments: Collection<XdsResource>,
): Collection<BuiltCluster> {
  return graph.derive(
    "envoy/cluster-resources",
    clusters,
    ({ part, clusterName: name, edsServiceName }, _key, lookup, previous: BuiltCluster | undefined) => {
      if (part === undefined) return undefined;
      const isNew = edsServiceName !== undefined && previous?.edsServiceName !== edsServiceName;
      if (isNew && previous !== undefined && !lookup.has(assignments, edsServiceName)) return previous;
      const resendWith = edsServiceName === undefined ? [] : [{ typeUrl: typeUrls.endpoint, name: edsServiceName }];
      const resource = resourceFromParts(typeUrls.cluster, name, [part], { resendWith });
      return { resource, edsServiceName };
    },
  );
}

/** Each proxy gets the clusters that its routes can reach, and their endpoints, not all there are. */
export function serveClusters(
  graph: Graph,
  clusters: Collection<BuiltCluster>,
  assignments: Collection<XdsResource>,
  wanted: Collection<unknown>,
): Collection<ServedResource> {
  const split = (use: string): readonly [string, string] => {
    const bar = use.indexOf("|");
    return [use.slice(0, bar), use.slice(bar + 1)];
  };
  return graph.deriveMany(
    "envoy/served-clusters",
    wanted,
    (_wanted, use, lookup) => {
      const [snapshotKey, cluster] = split(use);
      const found = lookup.get(clusters, cluster);
      if (found === undefined) return [];
      const { resource, edsServiceName } = found;
      if (edsServiceName === undefined) return [servedEntry(snapshotKey, resource)];
      const assignment = lookup.get(assignments, edsServiceName);
      // Without its endpoints a cluster would be empty for a moment, and Envoy would answer 503 from it.
      return assignment === undefined ? [] : [servedEntry(snapshotKey, resource), servedEntry(snapshotKey, assignment)];
    },
    { equals: sameResource },
  );
}
