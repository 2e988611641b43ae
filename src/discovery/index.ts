export type { Discovery } from "./discovery.ts";
export type { ConsulEndpoint } from "./endpoints/consul.ts";
export { createConsulEndpointDiscovery } from "./endpoints/consul.ts";
export { createConsulUpstreamDiscovery } from "./upstreams/consul.ts";
export {
  type KubernetesEndpoint,
  type KubernetesEndpointInputs,
  kubernetesEndpoints,
  needsPods,
} from "./endpoints/kubernetes.ts";
export { followCluster } from "./kubernetes/follow-cluster.ts";
export { type EndpointSlice, readEndpointSlice } from "./kubernetes/endpoint-slice.ts";
export { readService, type Service } from "./kubernetes/service.ts";
export { createKubernetesUpstreamDiscovery } from "./upstreams/kubernetes.ts";
