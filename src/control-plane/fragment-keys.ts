import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import { type Ref, refKey, sharedText } from "../resources/index.ts";

/** The snapshot key of a Proxy: what Envoy gives as `node.metadata.role`. */
export const snapshotKeyOf = (proxy: Ref): string => sharedText(`${proxy.namespace}~${proxy.name}`);

/** The Proxy that a fragment is of. */
export const proxyOf = (fragment: ProxyFragment): Ref => ({
  namespace: fragment.proxy?.namespace ?? "",
  name: fragment.proxy?.name ?? "",
});

/** Equal for all fragments of one listener. */
export const listenerKeyOf = (fragment: ProxyFragment): string =>
  sharedText(`${refKey(proxyOf(fragment))}|${fragment.listenerName}`);

/** What xDS calls the origin of a part: the resource that it came from. */
export const originOf = ({ owner }: ProxyFragment): string =>
  sharedText(`${owner?.kind}/${refKey({ namespace: owner?.ref?.namespace ?? "", name: owner?.ref?.name ?? "" })}`);
