/** Parts of the control plane that can run in processes of their own. */
export const components = ["gateway", "discovery", "xds"] as const;

/**
 * `gateway` makes Proxies of gateways and virtual services, `discovery` finds upstreams, `xds` serves Proxies to Envoy. Where gateway
 * and xds run apart, Proxies travel through the storage, as in Gloo.
 */
export type Component = (typeof components)[number];
