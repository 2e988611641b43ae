import { socketAddress } from "./address.ts";
import { EnvoyListener, FilterChain } from "./api.ts";
import { answeringManager } from "./http-connection-manager.ts";
import { directResponse } from "./refusal.ts";

/** Name and port as Gloo has them. */
const NAME = "listener-for-invalid-envoy";
const PORT = 8080;

const TEXT =
  "This Envoy's bootstrap doesn't say which proxy it is: set node.metadata.role to <namespace>~<proxy name>, " +
  'such as "gloo-system~gateway-proxy".\n';

const EMPTY = EnvoyListener.fromPartial({});
const EMPTY_CHAIN = FilterChain.fromPartial({});

/** What proxies get that have no role: a listener on [::]:8080 that tells their operator so. */
export function fallbackSnapshot(): { readonly listener: EnvoyListener; readonly bytes: Uint8Array } {
  const listener: EnvoyListener = {
    ...EMPTY,
    name: NAME,
    address: socketAddress("::", PORT),
    filterChains: [{ ...EMPTY_CHAIN, filters: [answeringManager(directResponse(500, TEXT))] }],
  };
  return { listener, bytes: EnvoyListener.encode(listener).finish() };
}
