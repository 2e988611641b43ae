import type { Node } from "./node.ts";

/** A graph as JSON, for people and tools. It holds keys and never values, since those may be secret. */
export interface GraphDump {
  readonly revision: number;
  /** In the order of computation. */
  readonly collections: readonly CollectionDump[];
}

export interface CollectionDump {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly synced: boolean;
  readonly inputs: readonly string[];
  readonly keys: readonly string[];
  readonly indexes: readonly IndexDump[];
  readonly lookups: readonly LookupDump[];
  readonly errors: Readonly<Record<string, string>>;
}

export interface IndexDump {
  readonly name: string;
  /** Number of values by index key. */
  readonly groups: Readonly<Record<string, number>>;
  /** Why a value is in no group, by its key. */
  readonly errors: Readonly<Record<string, string>>;
}

/** Which inputs of a collection looked at what. */
export interface LookupDump {
  /** The collection, or `collection.index`. */
  readonly target: string;
  readonly mode: "key" | "size" | "all";
  /** Input keys by the key that they looked at; under the empty key for `size` and `all`. */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
}

export interface DumpOptions {
  /** Only the collection of this name. */
  readonly collection?: string | undefined;
}

/** Costs the size of the graph: for debugging, not for the way of a change. */
export function dumpGraph(revision: number, nodes: readonly Node<any>[], options: DumpOptions): GraphDump {
  const chosen = options.collection === undefined ? nodes : nodes.filter((node) => node.name === options.collection);
  return { revision, collections: chosen.map(dumpNode) };
}

function dumpNode(node: Node<any>): CollectionDump {
  return {
    name: node.name,
    type: node.type,
    size: node.size,
    synced: node.synced,
    inputs: node.inputNames(),
    keys: node.keys(),
    indexes: node.indexes.map((index) => ({
      name: index.name,
      groups: Object.fromEntries(index.indexKeys().map((key) => [key, index.groupKeys(key).length])),
      errors: messages(index.errors),
    })),
    lookups: [...node.lookups()].map((edge) => ({
      target: edge.target,
      mode: edge.mode,
      inputs: Object.fromEntries(edge.entries()),
    })),
    errors: messages(node.errors),
  };
}

const messages = (errors: ReadonlyMap<string, Error>): Readonly<Record<string, string>> =>
  Object.fromEntries([...errors.keys()].sort().map((key) => [key, errors.get(key)?.message ?? ""]));
