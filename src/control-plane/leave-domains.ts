import { readVirtualHost } from "../envoy/index.ts";
import { type BuiltVirtualHost, partsOf } from "./route-graph.ts";

/**
 * The last good version of a virtual host, less the domains that others have now, which Envoy would refuse to see twice in one table.
 * Its parts are undefined if it has no other domain.
 */
export function leaveDomains(last: BuiltVirtualHost, isTaken: (domain: string) => boolean): BuiltVirtualHost {
  const virtualHost = last.parts && readVirtualHost(last.parts.whole.bytes);
  if (virtualHost === undefined) return last;
  const domains = virtualHost.domains.filter((domain) => !isTaken(domain));
  if (domains.length === virtualHost.domains.length) return last;
  if (domains.length === 0) return { ...last, parts: undefined, clusters: [] };
  // Its routes are in it already.
  const parts = partsOf({ virtualHost: { ...virtualHost, domains }, routes: [] }, last.parts?.whole.origin ?? "");
  return { ...last, parts };
}
