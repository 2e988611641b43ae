import { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import type { Collection, Graph, Lookup, Value } from "../collections/index.ts";
import { type EndpointSlice, kubernetesEndpoints, needsPods, type Service } from "../discovery/index.ts";
import { clusterName, type EndpointAddress, type KubernetesService, kubernetesServiceRef } from "../envoy/index.ts";
import { type Ref, refKey } from "../resources/index.ts";

/** What is known of a Kubernetes cluster. */
export interface KubernetesInputs {
  /** By refKey. */
  readonly services: Collection<Service>;
  /** By refKey of the slice. */
  readonly slices: Collection<EndpointSlice>;
  /** Labels of pods by refKey; only watched where an Upstream chooses by them. */
  readonly pods: Collection<Readonly<Record<string, string>>>;
  /** Whether `pods` is complete. */
  readonly podsKnown: Value<boolean>;
  /**
   * Why services or slices aren't read yet, though they count as complete since everything else is served. So who begins to need them while
   * Kubernetes doesn't answer waits for it, and nobody else does.
   */
  readonly unread: Value<string>;
  readonly onlyIPv4: boolean;
}

/** What translation looks at, so that it doesn't run again for the rest. */
export const serviceFacts = (graph: Graph, { services }: KubernetesInputs): Collection<KubernetesService> =>
  graph.derive("envoy/kubernetes-services", services, ({ ports, externalName }) => ({
    ports: ports.map(({ port, name }) => ({ port, name })),
    externalName,
  }));

export const serviceLookup =
  (facts: Collection<KubernetesService>, unread: Value<string>, lookup: Lookup) =>
  (ref: Ref): KubernetesService | undefined => {
    const found = lookup.get(facts, refKey(ref));
    // A name for DNS is all that is needed of such a service.
    if (found?.externalName !== undefined) return found;
    const why = lookup.value(unread);
    return why === undefined ? found : { ports: undefined, ...found, unread: why };
  };

/** The Upstreams that `kube` destinations stand for, by the name of the cluster. */
export const servicesByCluster = (graph: Graph, { services }: KubernetesInputs): Collection<Upstream> =>
  graph.deriveMany("envoy/kubernetes-destinations", services, ({ ref, ports }) =>
    ports.map(({ port }): readonly [string, Upstream] => {
      const upstream = kubernetesServiceRef(ref, port);
      const value = { serviceName: ref.name, serviceNamespace: ref.namespace, servicePort: port };
      const upstreamType = { $case: "kube", value } as const;
      return [clusterName(upstream), Upstream.fromPartial({ metadata: { ...upstream }, upstreamType })];
    }),
  );

/** The endpoints of Upstreams of type `kube`, by refKey; absent while the pods that they are chosen among aren't known. */
export function endpointsOfServices(
  graph: Graph,
  { services, slices, pods, podsKnown, unread, onlyIPv4 }: KubernetesInputs,
  upstreams: Collection<Upstream>,
): Collection<readonly EndpointAddress[]> {
  const byService = slices.index("by-service", ({ service }) => [service]);
  return graph.derive("envoy/kubernetes-endpoints", upstreams, ({ upstreamType: type }, _key, lookup) => {
    if (type?.$case !== "kube") return undefined;
    const key = refKey({ namespace: type.value.serviceNamespace, name: type.value.serviceName });
    const service = lookup.get(services, key);
    if (service === undefined || service.externalName !== undefined) return undefined;
    if (lookup.value(unread) !== undefined) return undefined;
    if (needsPods(type.value, service) && lookup.value(podsKnown) !== true) return undefined;
    return kubernetesEndpoints(type.value, {
      service,
      slices: lookup.index(byService, key),
      podLabels: (pod) => lookup.get(pods, pod),
      onlyIPv4,
    });
  });
}
