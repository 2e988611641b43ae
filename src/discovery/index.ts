export type { Discovery } from "./discovery.ts";
export type { ConsulEndpoint } from "./endpoints/consul.ts";
export { createConsulEndpointDiscovery } from "./endpoints/consul.ts";
export { createConsulUpstreamDiscovery } from "./upstreams/consul.ts";
