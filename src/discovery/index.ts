export type { Discovery } from "./discovery.ts";
export type { ConsulEndpoint, ConsulEndpointDiscoveryOptions } from "./endpoints/consul.ts";
export { createConsulEndpointDiscovery } from "./endpoints/consul.ts";
export type { ConsulUpstreamDiscoveryOptions } from "./upstreams/consul.ts";
export { createConsulUpstreamDiscovery } from "./upstreams/consul.ts";
