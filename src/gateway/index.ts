export { gatewayCollections } from "./gateway-collections.ts";
export type { GatewayInputs, GatewayOutputs, GatewaySettings, ProxyDecision } from "./gateway-inputs.ts";
export type { Lookups } from "./lookups.ts";
export { fragmentKey } from "./make-fragment.ts";
export { type ShortCircuit, shortCircuits } from "./short-circuit.ts";
export { compareMatchers, sortRoutes } from "./sort-routes.ts";
export { defaultGateway } from "./translate-gateway.ts";
export {
  domainsOf,
  type TranslatedVirtualService,
  translateVirtualService,
  virtualHostName,
} from "./translate-virtual-service.ts";
