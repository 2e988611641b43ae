import { EpoxyError } from "../errors/index.ts";
import { asError } from "./as-error.ts";
import type { ChangeListener, ChangeSet, Collection, Index, SubscribeOptions } from "./collection.ts";
import { type Dependent, type Edge, WHOLE } from "./edge.ts";
import type { Engine } from "./engine.ts";
import { IndexNode } from "./index-node.ts";
import type { Parts } from "./part.ts";
import { SortedView } from "./sorted-view.ts";
import type { Supposition } from "./supposition.ts";

/** What every collection of a graph has in common: its values, who depends on them, and what the running flush changed. */
export abstract class Node<V> implements Collection<V> {
  /** For the dump. */
  abstract readonly type: string;
  readonly name: string;
  readonly id: number;
  readonly engine: Engine;
  readonly values = new Map<string, V>();
  readonly errors = new Map<string, Error>();
  readonly indexes: IndexNode<V>[] = [];
  readonly edges: Edge[] = [];
  /** Collections that have this one as input; they run for each key that changes here. */
  readonly consumers: Dependent[] = [];
  readonly listeners = new Set<ChangeListener<V>>();
  dirty = false;
  synced = false;
  readonly #equals: (a: V, b: V) => boolean;
  readonly #view: SortedView<V>;
  #changed = new Map<string, V | undefined>();
  #sizeBefore = 0;

  constructor(engine: Engine, name: string, equals: (a: V, b: V) => boolean) {
    this.engine = engine;
    this.name = name;
    this.#equals = equals;
    this.#view = new SortedView(this.values, this.values);
    this.id = engine.add(this);
  }

  /** Does the work that is due, by `put`. */
  abstract turn(): void;
  /** What would differ here if what is due were computed from what `supposed` shows. Changes nothing. */
  abstract suppose(due: ReadonlySet<string>, supposed: Supposition): ReadonlyMap<string, V | undefined>;
  /** Names of the collections that this one is made from. */
  abstract inputNames(): readonly string[];
  /** Look-ups of this collection into others. */
  abstract lookups(): Iterable<Edge>;
  /** Whether all that this collection is made from is synced. */
  abstract isSynced(): boolean;

  /** The parts that were made for an input. */
  partsOf?(inputKey: string): Parts | undefined;

  get size(): number {
    this.#guard();
    return this.values.size;
  }

  get(key: string): V | undefined {
    this.#guard();
    return this.values.get(key);
  }

  has(key: string): boolean {
    this.#guard();
    return this.values.has(key);
  }

  keys(): readonly string[] {
    this.#guard();
    return this.#view.keys();
  }

  list(): readonly V[] {
    this.#guard();
    return this.#view.values();
  }

  sortedKeys(): readonly string[] {
    return this.#view.keys();
  }

  sortedValues(): readonly V[] {
    return this.#view.values();
  }

  index(name: string, keysOf: (value: V, key: string) => Iterable<string>): Index<V> {
    this.#guard();
    if (this.indexes.some((index) => index.name === name)) {
      throw new EpoxyError("already_exists", `collection '${this.name}' has an index '${name}' already`);
    }
    const index = new IndexNode<V>(this, name, keysOf);
    this.indexes.push(index);
    return index;
  }

  subscribe(listener: ChangeListener<V>, options: SubscribeOptions = {}): () => void {
    // A function of its own, so that one listener can subscribe twice and end each by itself.
    const entry: ChangeListener<V> = (changes, state) => listener(changes, state);
    this.listeners.add(entry);
    const end = (): void => void this.listeners.delete(entry);
    if (options.initial !== true) return end;
    const changes = this.keys().map((key) => ({ key, before: undefined, after: this.values.get(key) }));
    try {
      listener(changes, { synced: this.synced, revision: this.engine.revision });
    } catch (error) {
      // The caller gets the error and no way to end the subscription.
      end();
      throw error;
    }
    return end;
  }

  /** Marks this node as having work. */
  protected wake(): void {
    this.dirty = true;
    this.engine.wake();
  }

  /** The keys whose new value isn't equal to the present one. */
  protected differing(supposed: Iterable<readonly [key: string, value: V | undefined]>): Map<string, V | undefined> {
    const differing = new Map<string, V | undefined>();
    for (const [key, after] of supposed) {
      const before = this.values.get(key);
      const isSame = before === undefined || after === undefined ? before === after : this.#seemEqual(before, after);
      if (!isSame) differing.set(key, after);
    }
    return differing;
  }

  /**
   * Sets or, with undefined, removes a value; at most once per key and flush. An equal value is no change; where that can't be told,
   * the error is kept under `errorKey`.
   */
  protected put(key: string, after: V | undefined, errorKey: string = key): void {
    const before = this.values.get(key);
    if (after === undefined) {
      if (before === undefined) return;
      this.#noteChange(key, before);
      this.values.delete(key);
    } else {
      if (before !== undefined && this.#areEqual(errorKey, before, after)) return;
      this.#noteChange(key, before);
      this.values.set(key, after);
    }
    this.#view.touch(key);
  }

  protected fail(key: string, error: unknown): void {
    const failure = asError(error);
    const known = this.errors.get(key);
    this.errors.set(key, failure);
    if (known?.message !== failure.message) this.engine.report(this.name, key, failure);
  }

  get changed(): boolean {
    return this.#changed.size > 0;
  }

  /** Tells indexes, look-ups and consumers what `turn` has changed. */
  propagate(): void {
    for (const index of this.indexes) index.update(this.#changed);
    for (const consumer of this.consumers) for (const key of this.#changed.keys()) consumer.markKey(key);
    for (const edge of this.edges) {
      if (edge.mode === "key") for (const key of this.#changed.keys()) edge.fire(key);
      else if (edge.mode === "all" || this.values.size !== this.#sizeBefore) edge.fire(WHOLE);
    }
  }

  /** Ends the flush for this node and returns what it has changed. */
  takeChanges(): ChangeSet<V> {
    const changed = this.#changed;
    if (changed.size === 0) return [];
    this.#changed = new Map();
    if (this.listeners.size === 0) return [];
    return [...changed.keys()].sort().map((key) => ({ key, before: changed.get(key), after: this.values.get(key) }));
  }

  #noteChange(key: string, before: V | undefined): void {
    if (this.#changed.size === 0) this.#sizeBefore = this.values.size;
    this.#changed.set(key, before);
  }

  /** As in a flush, where such an exception is reported. */
  #seemEqual(before: V, after: V): boolean {
    try {
      return this.#equals(before, after);
    } catch {
      return false;
    }
  }

  #areEqual(errorKey: string, before: V, after: V): boolean {
    try {
      return this.#equals(before, after);
    } catch (error) {
      this.fail(errorKey, error);
      return false;
    }
  }

  /** A read past `lookup` would not be tracked: the result would silently stay as it is when this collection changes. */
  #guard(): void {
    const running = this.engine.running;
    if (running !== undefined) {
      throw new EpoxyError(
        "invalid",
        `the function of collection '${running.name}' reads '${this.name}' directly: use its lookup argument`,
      );
    }
  }
}
