import { ProxyKind } from "../../generated/sdk/index.ts";
import type { Proxy } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { redact, resourceToJson } from "../resources/index.ts";
import type { DebugView } from "./debug-views.ts";
import { assembleProxy, type Fragments, listenerKeyOf, proxyKeyOf } from "./persist-proxies.ts";

/**
 * `/debug/served-proxies`: whole Proxies, put together while it is asked for, from what gateways made and from stored ones. What stands in sensitive fields is
 * `[redacted]`. With `?namespace=` and `?name=` (which may be repeated) only these.
 */
export function servedProxiesView(fragments: () => Fragments | undefined): DebugView {
  return (query) => {
    const [namespace, names] = [query.get("namespace"), query.getAll("name")];
    const proxies = assembleAll(fragments()).filter(
      ({ metadata }) =>
        (namespace === null || metadata?.namespace === namespace) &&
        (names.length === 0 || names.includes(metadata?.name ?? "")),
    );
    return { proxies: proxies.map((proxy) => resourceToJson(ProxyKind, redact(ProxyKind.type, proxy))) };
  };
}

function assembleAll(fragments: Fragments | undefined): readonly Proxy[] {
  if (fragments === undefined) return [];
  const hosts = Map.groupBy(fragments.virtualHosts.list(), listenerKeyOf);
  const proxies = Map.groupBy(fragments.listeners.list(), proxyKeyOf);
  return [...proxies.values()].flatMap((listeners) => assembleProxy(listeners, (key) => hosts.get(key) ?? []) ?? []);
}
