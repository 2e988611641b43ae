import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Destination, RouteAction } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import type { Collection } from "../collections/index.ts";
import { clusterName } from "../envoy/index.ts";
import { typeUrls, type XdsCache, type XdsResource } from "../xds/index.ts";
import type { BuiltCluster } from "./cluster-graph.ts";
import { proxyOf, snapshotKeyOf } from "./fragment-keys.ts";

/** Milliseconds in which a connection takes two megabytes, before nothing is written for as long as routes are translated. */
const WRITING_MS = 10;

/**
 * Gives proxies that start together with us the clusters that routes name, before these are translated: Envoy is busy with clusters for as long as
 * translation takes, and does nothing else before. What needs endpoints of its own and what only translation finds follows with the rest. A proxy for
 * which the cache holds something already gets everything at once. Resolves when the clusters are on their way.
 */
export async function sendClustersFirst(
  cache: XdsCache,
  virtualHosts: readonly ProxyFragment[],
  clusters: Collection<BuiltCluster>,
): Promise<void> {
  const known = new Set(cache.keys());
  const named = new Map<string, Set<XdsResource>>();
  for (const fragment of virtualHosts) {
    const key = snapshotKeyOf(proxyOf(fragment));
    if (known.has(key)) continue;
    for (const destination of destinationsOf(fragment)) {
      const type = destination.destinationType;
      const cluster = type?.$case === "upstream" ? clusters.get(clusterName(type.value)) : undefined;
      if (cluster === undefined || cluster.edsServiceName !== undefined) continue;
      named.set(key, (named.get(key) ?? new Set()).add(cluster.resource));
    }
  }
  if (named.size === 0) return;
  for (const [key, resources] of named) cache.apply(key, { upsert: [...resources], ahead: [typeUrls.cluster] });
  await nextTurn();
  await sleep(WRITING_MS);
}

function* destinationsOf({ virtualHosts }: ProxyFragment): Iterable<Destination> {
  for (const { routes } of virtualHosts) {
    for (const { action } of routes) if (action?.$case === "routeAction") yield* destinationsOfAction(action.value);
  }
}

function* destinationsOfAction({ destination }: RouteAction): Iterable<Destination> {
  if (destination?.$case === "single") yield destination.value;
  if (destination?.$case !== "multi") return;
  for (const weighted of destination.value.destinations) if (weighted.destination) yield weighted.destination;
}
