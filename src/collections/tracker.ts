import { EpoxyError } from "../errors/index.ts";
import type { Collection, Index, Lookup, Value } from "./collection.ts";
import { Edge, type EdgeMode, WHOLE } from "./edge.ts";
import { IndexNode } from "./index-node.ts";
import { Node } from "./node.ts";

type Target = Node<any> | IndexNode<any>;

/** Pairs of edge and key, flat: the cheapest form for what tens of thousands of inputs looked at. */
type Footprint = (Edge | string)[];

/** Above this many look-ups in one run, repeated ones are found by a set instead of by looking through the list. */
const SMALL = 16;

/** Records what the function of one collection looks at, per input key, and keeps the edges of that up to date. */
export class Tracker implements Lookup {
  readonly #owner: Node<any> & { markKey(inputKey: string): void };
  readonly #edges = new Map<Target, Partial<Record<EdgeMode, Edge>>>();
  readonly #footprints = new Map<string, Footprint>();
  /** What the running function has looked at so far; its array is used again for the next run. */
  readonly #scratch: Footprint = [];
  #current: Footprint | undefined;
  #inputKey = "";
  /** Kept last. Most inputs of many collections look at the same, and so share one. */
  #last: Footprint = [];
  #seen: Map<Edge, Set<string>> | undefined;

  constructor(owner: Node<any> & { markKey(inputKey: string): void }) {
    this.#owner = owner;
  }

  get<V>(other: Collection<V>, key: string): V | undefined {
    const node = this.#node(other);
    this.#note(node, "key", key);
    return node.values.get(key);
  }

  has<V>(other: Collection<V>, key: string): boolean {
    return this.get(other, key) !== undefined;
  }

  index<V>(index: Index<V>, indexKey: string): readonly V[] {
    if (!(index instanceof IndexNode)) throw foreign(index.name, this.#owner.name);
    this.#node(index.collection);
    this.#note(index, "key", indexKey);
    return index.groupValues(indexKey);
  }

  list<V>(other: Collection<V>): readonly V[] {
    const node = this.#node(other);
    this.#note(node, "all", WHOLE);
    return node.sortedValues();
  }

  size<V>(other: Collection<V>): number {
    const node = this.#node(other);
    this.#note(node, "size", WHOLE);
    return node.values.size;
  }

  value<V>(value: Value<V>): V | undefined {
    return this.get(value.collection, VALUE_KEY);
  }

  /** Runs `fn` for an input and replaces what is recorded for it, also when `fn` throws. */
  run<O>(inputKey: string, fn: (lookup: Lookup) => O): O {
    const footprint = this.#scratch;
    this.#current = footprint;
    this.#inputKey = inputKey;
    this.#owner.engine.running = this.#owner;
    try {
      return fn(this);
    } finally {
      this.#owner.engine.running = undefined;
      this.#current = undefined;
      this.#seen = undefined;
      this.#replace(inputKey, footprint);
      footprint.length = 0;
    }
  }

  /** Forgets an input that is gone. */
  forget(inputKey: string): void {
    this.#replace(inputKey, []);
  }

  *edges(): Iterable<Edge> {
    for (const byMode of this.#edges.values()) yield* Object.values(byMode);
  }

  isSynced(): boolean {
    for (const [target, byMode] of this.#edges) {
      const { synced } = target instanceof IndexNode ? target.collection : target;
      if (!synced && Object.values(byMode).some((edge) => edge.used)) return false;
    }
    return true;
  }

  #node<V>(other: Collection<V>): Node<V> {
    const owner = this.#owner;
    if (this.#current === undefined) {
      throw new EpoxyError("invalid", `a lookup of collection '${owner.name}' is used after its function has returned`);
    }
    if (!(other instanceof Node) || other.engine !== owner.engine) throw foreign(other.name, owner.name);
    if (other.id >= owner.id) {
      throw new EpoxyError(
        "invalid",
        `collection '${owner.name}' looks up '${other.name}', which was made after it: make '${other.name}' first`,
      );
    }
    return other;
  }

  #note(target: Target, mode: EdgeMode, key: string): void {
    const edge = this.#edge(target, mode);
    const footprint = this.#current as Footprint;
    if (footprint.length < 2 * SMALL) {
      for (let i = 0; i < footprint.length; i += 2) if (footprint[i] === edge && footprint[i + 1] === key) return;
    } else {
      this.#seen ??= groupByEdge(footprint);
      const keys = this.#seen.get(edge);
      if (keys === undefined) this.#seen.set(edge, new Set([key]));
      else if (keys.has(key)) return;
      else keys.add(key);
    }
    // Of equal strings one is kept.
    footprint.push(edge, key === this.#inputKey ? this.#inputKey : key);
  }

  #edge(target: Target, mode: EdgeMode): Edge {
    let byMode = this.#edges.get(target);
    if (byMode === undefined) this.#edges.set(target, (byMode = {}));
    let edge = byMode[mode];
    if (edge === undefined) {
      const name = target instanceof IndexNode ? `${target.collection.name}.${target.name}` : target.name;
      edge = byMode[mode] = new Edge(mode, name, this.#owner);
      target.edges.push(edge);
    }
    return edge;
  }

  #replace(inputKey: string, footprint: Footprint): void {
    const known = this.#footprints.get(inputKey);
    if (known === undefined && footprint.length === 0) return;
    if (known !== undefined && sameFootprint(known, footprint)) return;
    if (known !== undefined) {
      for (let i = 0; i < known.length; i += 2) (known[i] as Edge).remove(known[i + 1] as string, inputKey);
    }
    if (footprint.length === 0) {
      this.#footprints.delete(inputKey);
      return;
    }
    for (let i = 0; i < footprint.length; i += 2) (footprint[i] as Edge).add(footprint[i + 1] as string, inputKey);
    if (!sameFootprint(this.#last, footprint)) this.#last = footprint.slice();
    this.#footprints.set(inputKey, this.#last);
  }
}

/** The key of the only entry of a {@link Value}. */
export const VALUE_KEY = "value";

function groupByEdge(footprint: Footprint): Map<Edge, Set<string>> {
  const seen = new Map<Edge, Set<string>>();
  for (let i = 0; i < footprint.length; i += 2) {
    const edge = footprint[i] as Edge;
    const keys = seen.get(edge);
    if (keys === undefined) seen.set(edge, new Set([footprint[i + 1] as string]));
    else keys.add(footprint[i + 1] as string);
  }
  return seen;
}

function sameFootprint(a: Footprint, b: Footprint): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function foreign(name: string, owner: string): EpoxyError {
  return new EpoxyError("invalid", `collection '${owner}' looks up '${name}', which is not of the same graph`);
}
