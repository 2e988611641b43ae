import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import type { Collection, Graph, Value } from "../collections/index.ts";
import { ANY_CLUSTER, type TranslationSettings } from "../envoy/index.ts";
import { proxyOf, snapshotKeyOf } from "./fragment-keys.ts";

/** What the routes of a virtual host lead to. */
export interface ReachedClusters {
  readonly snapshotKey: string;
  readonly clusters: readonly string[];
}

export interface AllClustersInputs {
  /** Fragments with a listener. */
  readonly listeners: Collection<ProxyFragment>;
  /** All clusters there are, by name. */
  readonly clusters: Collection<unknown>;
  /** By virtual host. */
  readonly reached: Collection<ReachedClusters>;
  readonly settings: Value<TranslationSettings>;
}

/**
 * Of the proxies that get all clusters, these: `<snapshot key>|<cluster>`. By the settings, that is every proxy; else those with a route whose
 * requests name their cluster in a header.
 */
export function allClusters(graph: Graph, inputs: AllClustersInputs): Collection<true> {
  const proxies = graph.groupBy("envoy/snapshot-keys", inputs.listeners, (fragment) => [
    snapshotKeyOf(proxyOf(fragment)),
  ]);
  const choosing = graph.groupBy("envoy/cluster-choosers", inputs.reached, ({ snapshotKey, clusters }) =>
    clusters.includes(ANY_CLUSTER) ? [snapshotKey] : [],
  );
  const reachAll = graph.join(
    "envoy/proxies-of-all-clusters",
    { proxies, choosing },
    (values, key, lookup): string | undefined => {
      const isWanted = values.choosing !== undefined || lookup.value(inputs.settings)?.allUpstreams === true;
      return isWanted ? key : undefined;
    },
  );
  return graph.deriveMany("envoy/all-clusters", inputs.clusters, (_cluster, name, lookup) =>
    lookup.list(reachAll).map((snapshotKey) => [`${snapshotKey}|${name}`, true] as const),
  );
}
