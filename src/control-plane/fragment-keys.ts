import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import { normalizeDomain } from "../envoy/index.ts";
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

/** Of a domain within a listener, however it is written. */
export const domainKeyOf = (fragment: ProxyFragment, domain: string): string =>
  sharedText(`${listenerKeyOf(fragment)}|${normalizeDomain(domain)}`);

/** Of all domains of a fragment of a virtual host; none given means all. */
export function domainKeysOf(fragment: ProxyFragment): readonly string[] {
  const domains = fragment.virtualHosts[0]?.domains ?? [];
  return [...new Set((domains.length === 0 ? ["*"] : domains).map((domain) => domainKeyOf(fragment, domain)))];
}

/** What xDS calls the origin of a part: the resource that it came from. */
export const originOf = ({ owner }: ProxyFragment): string =>
  sharedText(`${owner?.kind}/${refKey({ namespace: owner?.ref?.namespace ?? "", name: owner?.ref?.name ?? "" })}`);
