import { EpoxyError } from "../errors/index.ts";
import { sharedText } from "../resources/index.ts";
import type { Collection, Index, Lookup, Value } from "./collection.ts";
import { Edge, type EdgeMode, type Looker, WHOLE } from "./edge.ts";
import { IndexNode } from "./index-node.ts";
import { Node } from "./node.ts";
import { type Footprint, NOTHING, Part, Parts } from "./part.ts";
import { structuralEquals } from "./structural-equals.ts";

type Target = Node<any> | IndexNode<any>;

/** A running function, or a running part of it. */
interface Scope {
  readonly part: Part | undefined;
  readonly parts: Parts;
  readonly run: number;
  readonly depth: number;
  readonly footprint: Footprint;
  /** Of parts asked for. */
  count: number;
  /** What is in the footprint, where that is long. */
  seen: Map<Edge, Set<string>> | undefined;
}

/** Above this many look-ups in one run, repeated ones are found by a set instead of by looking through the list. */
const SMALL = 16;

/** Records what the function of one collection looks at, per input key, and keeps the edges of that up to date. */
export class Tracker implements Lookup {
  readonly #owner: Node<any> & { markKey(inputKey: string): void };
  readonly #edges = new Map<Target, Partial<Record<EdgeMode, Edge>>>();
  readonly #footprints = new Map<string, Footprint>();
  /** Of the inputs whose function makes parts. */
  readonly #parts = new Map<string, Parts>();
  /** What running functions have looked at so far, one within the other; the arrays are used again for the next run. */
  readonly #scratches: Footprint[] = [];
  /** What looks at present. */
  #scope: Scope | undefined;
  #inputKey = "";
  #runs = 0;
  /** Kept last. Most inputs of many collections look at the same, and so share one. */
  #last: Footprint = [];

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

  part<T>(key: string | number, inputs: readonly unknown[], make: (previous: T | undefined) => T): T {
    const scope = this.#running();
    const known = scope.parts.get(key);
    const part = known ?? new Part(this.#inputKey, scope.part);
    if (part.run === scope.run) {
      throw new EpoxyError("invalid", `a function of collection '${this.#owner.name}' makes the part '${key}' twice`);
    }
    part.run = scope.run;
    scope.count++;
    if (known === undefined) {
      scope.parts.set(key, part);
      // Where the parts of an input have none within, there was nothing to keep them in.
      if (scope.part === undefined) this.#parts.set(this.#inputKey, scope.parts);
    } else if (known.isValid && structuralEquals(known.inputs, inputs)) {
      return known.result as T;
    }
    const previous = part.result as T | undefined;
    part.isValid = false;
    part.inputs = inputs;
    const result = this.#within(part, part.within, () => make(previous));
    part.result = result;
    part.isValid = true;
    return result;
  }

  /** The parts that were made for an input. */
  partsOf(inputKey: string): Parts | undefined {
    return this.#parts.get(inputKey);
  }

  /** Runs `fn` for an input and replaces what is recorded for it, also when `fn` throws. */
  run<O>(inputKey: string, fn: (lookup: Lookup) => O): O {
    this.#inputKey = inputKey;
    this.#owner.engine.running = this.#owner;
    try {
      return this.#within(undefined, this.#parts.get(inputKey) ?? new Parts(), () => fn(this));
    } finally {
      this.#owner.engine.running = undefined;
    }
  }

  /** Runs what makes all or a part of the result for the input at hand. */
  #within<O>(part: Part | undefined, parts: Parts, fn: () => O): O {
    const outer = this.#scope;
    const depth = outer === undefined ? 0 : outer.depth + 1;
    const footprint = (this.#scratches[depth] ??= []);
    const scope: Scope = { part, parts, run: ++this.#runs, depth, footprint, count: 0, seen: undefined };
    this.#scope = scope;
    try {
      const result = fn();
      // What a function that threw didn't come to is still of use.
      for (const gone of parts.sweep(scope.run, scope.count)) this.#replace(gone, []);
      if (part === undefined && scope.count === 0) this.#parts.delete(this.#inputKey);
      return result;
    } finally {
      this.#scope = outer;
      this.#replace(part ?? this.#inputKey, footprint);
      footprint.length = 0;
    }
  }

  /** Forgets an input that is gone. */
  forget(inputKey: string): void {
    this.#replace(inputKey, []);
    for (const gone of this.#parts.get(inputKey)?.sweep(++this.#runs, 0) ?? []) this.#replace(gone, []);
    this.#parts.delete(inputKey);
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

  #running(): Scope {
    if (this.#scope !== undefined) return this.#scope;
    const message = `a lookup of collection '${this.#owner.name}' is used after its function has returned`;
    throw new EpoxyError("invalid", message);
  }

  #node<V>(other: Collection<V>): Node<V> {
    const owner = this.#owner;
    this.#running();
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
    const scope = this.#scope as Scope;
    const { footprint } = scope;
    if (footprint.length < 2 * SMALL) {
      for (let i = 0; i < footprint.length; i += 2) if (footprint[i] === edge && footprint[i + 1] === key) return;
    } else {
      scope.seen ??= groupByEdge(footprint);
      const keys = scope.seen.get(edge);
      if (keys === undefined) scope.seen.set(edge, new Set([key]));
      else if (keys.has(key)) return;
      else keys.add(key);
    }
    footprint.push(edge, sharedText(key));
  }

  #edge(target: Target, mode: EdgeMode): Edge {
    let byMode = this.#edges.get(target);
    if (byMode === undefined) this.#edges.set(target, (byMode = {}));
    let edge = byMode[mode];
    if (edge === undefined) {
      const name = target instanceof IndexNode ? target.fullName : target.name;
      edge = byMode[mode] = new Edge(mode, name, this.#owner);
      target.edges.push(edge);
    }
    return edge;
  }

  #replace(looker: Looker, footprint: Footprint): void {
    const known = looker instanceof Part ? looker.footprint : this.#footprints.get(looker);
    if ((known?.length ?? 0) === 0 && footprint.length === 0) return;
    if (known !== undefined && sameFootprint(known, footprint)) return;
    if (known !== undefined) {
      for (let i = 0; i < known.length; i += 2) (known[i] as Edge).remove(known[i + 1] as string, looker);
    }
    for (let i = 0; i < footprint.length; i += 2) (footprint[i] as Edge).add(footprint[i + 1] as string, looker);
    if (footprint.length > 0 && !sameFootprint(this.#last, footprint)) this.#last = footprint.slice();
    const kept = footprint.length === 0 ? NOTHING : this.#last;
    if (looker instanceof Part) looker.footprint = kept;
    else if (kept === NOTHING) this.#footprints.delete(looker);
    else this.#footprints.set(looker, kept);
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
