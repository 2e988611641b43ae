import { asError } from "./as-error.ts";
import type { ChangeSet, Collection, CollectionError, Index, Lookup, Value } from "./collection.ts";
import type { InputValues } from "./derived-node.ts";
import { type Dependent, type Edge, WHOLE } from "./edge.ts";
import type { Engine } from "./engine.ts";
import { IndexNode } from "./index-node.ts";
import type { Node } from "./node.ts";
import type { Part, Parts } from "./part.ts";
import { type Sorted, withChanges } from "./sorted-view.ts";
import { structuralEquals } from "./structural-equals.ts";
import { VALUE_KEY } from "./tracker.ts";

/** An edit that is only supposed; `undefined` deletes. */
export interface SupposedEdit {
  /** A source of the graph. */
  readonly source: Collection<any>;
  readonly key: string;
  readonly value: unknown;
}

/** What supposed edits would lead to. */
export interface SupposedOutcome {
  /** What would change in one of the wanted collections, sorted by key. */
  changes<V>(collection: Collection<V>): ChangeSet<V>;
  /** What can't be made in the supposed state; its last good value counts. */
  readonly errors: readonly CollectionError[];
}

/**
 * A state of the graph that isn't: the present one with some edits, computed for what depends on these. It only keeps what differs,
 * beside the nodes, which stay as they are. Functions run as they would in a flush, with the output in force as `previous`; what they look
 * at isn't recorded, since nodes come in an order in which nothing that they may look at changes any more.
 */
export class Supposition implements Lookup, InputValues, SupposedOutcome {
  readonly #engine: Engine;
  readonly #edits = new Map<Node<any>, Map<string, unknown>>();
  readonly #due = new Map<Dependent, Set<string>>();
  readonly #changes = new Map<Collection<any>, ReadonlyMap<string, unknown>>();
  readonly #groups = new Map<IndexNode<any>, ReadonlyMap<string, Sorted<any>>>();
  /** Parts that would be made again. */
  readonly #stale = new Set<Part>();
  /** Those that the running function, or part, made last. */
  #parts: Parts | undefined;
  readonly errors: CollectionError[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  edit(source: Node<any>, key: string, value: unknown): void {
    const edits = this.#edits.get(source) ?? new Map<string, unknown>();
    this.#edits.set(source, edits.set(key, value));
    this.#dueOf(source as never).add(key);
  }

  editOf<V>(source: Node<V>, key: string): V | undefined {
    return this.#edits.get(source)?.get(key) as V | undefined;
  }

  /** Computes what is due of a node, and marks what depends on the outcome. Nodes come in their order. */
  advance(node: Node<any>): void {
    const due = this.#due.get(node as never);
    if (due === undefined) return;
    const changes = node.suppose(due, this);
    if (changes.size === 0) return;
    this.#changes.set(node, changes);
    for (const index of node.indexes) {
      const groups = index.suppose(changes, (key, error) => {
        this.errors.push({ collection: index.fullName, key, error: asError(error) });
      });
      this.#groups.set(index, groups);
      this.#mark(groups.keys(), index.consumers, index.edges);
    }
    this.#mark(
      changes.keys(),
      node.consumers,
      node.edges.filter(({ mode }) => mode === "key"),
    );
    const isResized = this.#sizeOf(node) !== node.values.size;
    for (const edge of node.edges) {
      if (edge.mode === "all" || (edge.mode === "size" && isResized)) this.#fire(edge, WHOLE);
    }
  }

  /** Runs a function of `node`. What it throws is noted, and `fallback` stands in. */
  run<O>(node: Node<any>, key: string, compute: () => O, fallback: () => O): O {
    this.#engine.running = node;
    this.#parts = node.partsOf?.(key);
    try {
      return compute();
    } catch (error) {
      this.errors.push({ collection: node.name, key, error: asError(error) });
      return fallback();
    } finally {
      this.#engine.running = undefined;
      this.#parts = undefined;
    }
  }

  part<T>(key: string | number, inputs: readonly unknown[], make: (previous: T | undefined) => T): T {
    const around = this.#parts;
    const known = around?.get(key);
    if (known?.isValid === true && !this.#stale.has(known) && structuralEquals(known.inputs, inputs)) {
      return known.result as T;
    }
    this.#parts = known?.within;
    try {
      return make(known?.result as T | undefined);
    } finally {
      this.#parts = around;
    }
  }

  changes<V>(collection: Collection<V>): ChangeSet<V> {
    const node = collection as Node<V>;
    const changed = (this.#changes.get(node) ?? new Map()) as ReadonlyMap<string, V | undefined>;
    return [...changed.keys()].sort().map((key) => ({ key, before: node.values.get(key), after: changed.get(key) }));
  }

  valueOf<V>(node: Node<V>, key: string): V | undefined {
    const changes = this.#changes.get(node);
    return changes?.has(key) === true ? (changes.get(key) as V | undefined) : node.values.get(key);
  }

  keysIn(index: IndexNode<any>, indexKey: string): readonly string[] {
    return this.#groups.get(index)?.get(indexKey)?.keys ?? index.groupKeys(indexKey);
  }

  get<V>(other: Collection<V>, key: string): V | undefined {
    return this.valueOf(other as Node<V>, key);
  }

  has<V>(other: Collection<V>, key: string): boolean {
    return this.get(other, key) !== undefined;
  }

  index<V>(index: Index<V>, indexKey: string): readonly V[] {
    const node = index as IndexNode<V>;
    const supposed: Sorted<V> | undefined = this.#groups.get(node)?.get(indexKey);
    return supposed?.values ?? node.groupValues(indexKey);
  }

  list<V>(other: Collection<V>): readonly V[] {
    const node = other as Node<V>;
    const changes = this.#changes.get(node) as ReadonlyMap<string, V | undefined> | undefined;
    const present = { keys: node.sortedKeys(), values: node.sortedValues() };
    return changes === undefined ? present.values : withChanges(present, changes).values;
  }

  size<V>(other: Collection<V>): number {
    return this.#sizeOf(other as Node<V>);
  }

  value<V>(value: Value<V>): V | undefined {
    return this.get(value.collection, VALUE_KEY);
  }

  #sizeOf(node: Node<any>): number {
    let size = node.values.size;
    for (const [key, after] of this.#changes.get(node) ?? []) {
      size += Number(after !== undefined) - Number(node.values.has(key));
    }
    return size;
  }

  #mark(keys: Iterable<string>, consumers: readonly Dependent[], edges: readonly Edge[]): void {
    for (const key of keys) {
      for (const consumer of consumers) this.#dueOf(consumer).add(key);
      for (const edge of edges) this.#fire(edge, key);
    }
  }

  #fire(edge: Edge, key: string): void {
    for (const looker of edge.lookersAt(key)) {
      if (typeof looker === "string") {
        this.#dueOf(edge.dependent).add(looker);
        continue;
      }
      for (let part: Part | undefined = looker; part !== undefined && !this.#stale.has(part); part = part.around) {
        this.#stale.add(part);
      }
      this.#dueOf(edge.dependent).add(looker.inputKey);
    }
  }

  #dueOf(dependent: Dependent): Set<string> {
    const due = this.#due.get(dependent) ?? new Set<string>();
    this.#due.set(dependent, due);
    return due;
  }
}
