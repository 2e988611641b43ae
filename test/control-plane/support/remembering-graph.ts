import type { Graph } from "../../../src/collections/index.ts";
import { withDerive } from "./with-derive.ts";

/** What a graph made from scratch must be told of the past: outputs, by derivation and key. */
export type Memory = ReadonlyMap<string, ReadonlyMap<string, unknown>>;

/**
 * The derivations whose result may depend on what was in force before, by design: who has a domain or an address keeps it, and a
 * listener or virtual host that can't be built keeps its last good version, and a cluster stays as it was until the endpoints that it is to have
 * from now on are known. All others depend on the present input only.
 */
export const HISTORICAL = [
  "gateway/domains-owners",
  "gateway/addresses-owners",
  "envoy/listeners",
  "envoy/virtual-hosts",
  "envoy/cluster-resources",
] as const;

/** The same graph, whose historical derivations start from what `memory` holds. */
export function remembering(graph: Graph, memory: Memory): Graph {
  const derive: Graph["derive"] = (name, input, fn, options) => {
    const known = memory.get(name);
    if (known === undefined) return graph.derive(name, input, fn, options);
    return graph.derive(
      name,
      input,
      (value, key, lookup, previous) => fn(value, key, lookup, previous ?? (known.get(key) as typeof previous)),
      options,
    );
  };
  return withDerive(graph, derive);
}

/** What of a graph's state the next one made from scratch has to know. */
export function memoryOf(graph: Graph): Memory {
  return new Map(
    HISTORICAL.map((name) => {
      const collection = graph.collection(name);
      if (collection === undefined) throw new Error(`the graph has no collection ${name}`);
      return [name, new Map(collection.keys().map((key) => [key, collection.get(key)]))];
    }),
  );
}

/** What a new process is told of that. Clusters aren't saved: at the start, endpoints are waited for. */
export function afterRestart(memory: Memory): Memory {
  return new Map([...memory].filter(([name]) => name !== "envoy/cluster-resources"));
}
