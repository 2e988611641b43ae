import { EpoxyError } from "../errors/index.ts";
import { asError } from "./as-error.ts";
import type {
  ChangeListener,
  ChangeSet,
  Collection,
  CollectionError,
  DeriveOptions,
  Group,
  Index,
  Lookup,
  Source,
  Value,
  ValueSource,
} from "./collection.ts";
import { type ComputeMany, DerivedManyNode } from "./derived-many-node.ts";
import { type Compute, DerivedNode } from "./derived-node.ts";
import { type DumpOptions, dumpGraph, type GraphDump } from "./dump.ts";
import type { Engine } from "./engine.ts";
import type { Graph, GraphOptions, Joined, JoinInputs, SourceOptions } from "./graph.ts";
import { GroupNode } from "./group-node.ts";
import { IndexNode } from "./index-node.ts";
import { Node } from "./node.ts";
import { SourceNode } from "./source-node.ts";
import { structuralEquals } from "./structural-equals.ts";
import { Supposition, type SupposedEdit, type SupposedOutcome } from "./supposition.ts";
import { VALUE_KEY } from "./tracker.ts";

interface Waiter {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
}

type Delivery = readonly [listeners: readonly ChangeListener<any>[], node: Node<any>, changes: ChangeSet<any>];

/** The graph: makes nodes, decides when to flush, and walks them in order. */
export class GraphEngine implements Graph, Engine {
  readonly #nodes: Node<any>[] = [];
  readonly #names = new Map<string, Node<any>>();
  readonly #schedule: (flush: () => void) => void;
  readonly #onError: ((error: CollectionError) => void) | undefined;
  #reports: CollectionError[] = [];
  #waiters: Waiter[] = [];
  #computing = false;
  #flushing = false;
  #due = false;
  revision = 0;
  running: Node<any> | undefined;

  constructor(options: GraphOptions) {
    this.#schedule = options.schedule ?? setImmediate;
    this.#onError = options.onError;
  }

  source<V>(name: string, options: SourceOptions<V> = {}): Source<V> {
    return new SourceNode<V>(this, name, options.equals ?? structuralEquals);
  }

  value<V>(name: string, options: SourceOptions<V> = {}): ValueSource<V> {
    const source = new SourceNode<V>(this, name, options.equals ?? structuralEquals);
    const set = (value: V | undefined): void => {
      source.apply([[VALUE_KEY, value]]);
      source.markSynced();
    };
    return Object.assign(valueOf(source), { set });
  }

  computeValue<O>(
    name: string,
    fn: (lookup: Lookup, previous: O | undefined) => O | undefined,
    options?: DeriveOptions<O>,
  ): Value<O> {
    const compute: Compute<O> = (_key, _inputs, lookup, previous) => fn(lookup, previous);
    return valueOf(new DerivedNode<O>(this, name, { type: "value", inputs: [], only: VALUE_KEY }, compute, options));
  }

  derive<I, O>(
    name: string,
    input: Collection<I>,
    fn: (value: I, key: string, lookup: Lookup, previous: O | undefined) => O | undefined,
    options?: DeriveOptions<O>,
  ): Collection<O> {
    const node = this.#nodeOf(name, input);
    const compute: Compute<O> = (key, inputs, lookup, previous) =>
      fn(inputs.valueOf(node, key) as I, key, lookup, previous);
    return new DerivedNode<O>(this, name, { type: "derive", inputs: [node] }, compute, options);
  }

  deriveMany<I, O>(
    name: string,
    input: Collection<I>,
    fn: ComputeMany<I, O>,
    options?: DeriveOptions<O>,
  ): Collection<O> {
    return new DerivedManyNode<I, O>(this, name, this.#nodeOf(name, input), fn, options);
  }

  join<I extends JoinInputs, O>(
    name: string,
    inputs: I,
    fn: (values: Joined<I>, key: string, lookup: Lookup, previous: O | undefined) => O | undefined,
    options?: DeriveOptions<O>,
  ): Collection<O> {
    const nodes = Object.entries(inputs).map(([field, input]) => [field, this.#nodeOf(name, input)] as const);
    const compute: Compute<O> = (key, inputs, lookup, previous) => {
      const values: Record<string, unknown> = {};
      for (const [field, node] of nodes) values[field] = inputs.valueOf(node, key);
      return fn(values as Joined<I>, key, lookup, previous);
    };
    return new DerivedNode<O>(this, name, { type: "join", inputs: nodes.map(([, node]) => node) }, compute, options);
  }

  groupBy<V>(
    name: string,
    input: Collection<V> | Index<V>,
    keysOf?: (value: V, key: string) => Iterable<string>,
  ): Collection<Group<V>> {
    const index = keysOf === undefined ? input : (input as Collection<V>).index(name, keysOf);
    if (!(index instanceof IndexNode)) {
      throw new EpoxyError("invalid", `collection '${name}' needs a function or an index to group by`);
    }
    this.#nodeOf(name, index.collection);
    return new GroupNode<V>(this, name, index);
  }

  flush(): void {
    if (this.#flushing) return;
    this.#due = false;
    this.#flushing = true;
    try {
      this.#deliver(this.#compute());
    } finally {
      this.#flushing = false;
      this.#release();
    }
  }

  whatIf(edits: Iterable<SupposedEdit>, wanted: readonly Collection<any>[]): SupposedOutcome {
    if (this.#flushing) throw new EpoxyError("invalid", "a supposition within a flush would see half of it");
    if (this.#due) this.flush();
    const supposition = new Supposition(this);
    for (const { source, key, value } of edits) {
      const node = this.#nodeOf("what-if", source);
      if (!(node instanceof SourceNode))
        throw new EpoxyError("invalid", `'${source.name}' is derived: edit its source`);
      supposition.edit(node, key, value);
    }
    const last = Math.max(...wanted.map((collection) => this.#nodeOf("what-if", collection).id));
    for (const node of this.#nodes) {
      if (node.id > last) break;
      supposition.advance(node);
    }
    return supposition;
  }

  settled(): Promise<void> {
    return this.#wait(() => !this.#due);
  }

  async whenSynced(
    collections: readonly Collection<any>[],
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => {
      aborted.reject(signal?.reason);
      this.#release();
    };
    signal?.addEventListener("abort", abort, { once: true });
    // An abort ends the wait, too, so that nothing is kept for it.
    const synced = this.#wait(() => signal?.aborted === true || collections.every((collection) => collection.synced));
    try {
      await Promise.race([aborted.promise, synced]);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  collection(name: string): Collection<unknown> | undefined {
    return this.#names.get(name);
  }

  errors(): readonly CollectionError[] {
    return this.#nodes.flatMap((node) => [
      ...errorsOf(node.name, node.errors),
      ...node.indexes.flatMap((index) => errorsOf(index.fullName, index.errors)),
    ]);
  }

  dump(options: DumpOptions = {}): GraphDump {
    return dumpGraph(this.revision, this.#nodes, options);
  }

  add(node: Node<any>): number {
    if (this.running !== undefined) {
      throw new EpoxyError("invalid", `the function of collection '${this.running.name}' makes '${node.name}'`);
    }
    if (this.#names.has(node.name)) {
      throw new EpoxyError("already_exists", `the graph has a collection '${node.name}' already`);
    }
    this.#names.set(node.name, node);
    this.#nodes.push(node);
    return this.#nodes.length - 1;
  }

  wake(): void {
    if (this.#due || this.#computing) return;
    this.#due = true;
    // A flush in between may have done the work already.
    this.#schedule(() => {
      if (this.#due) this.flush();
    });
  }

  report(collection: string, key: string | undefined, error: Error): void {
    this.#reports.push({ collection, key, error });
    // Such as of an index made of what is there already.
    if (!this.#flushing) this.wake();
  }

  /** Brings all values to the new revision, and returns what is to be told to whom. */
  #compute(): Delivery[] {
    const changed: Node<any>[] = [];
    this.#computing = true;
    for (const node of this.#nodes) {
      if (!node.dirty) continue;
      node.dirty = false;
      node.turn();
      if (!node.changed) continue;
      node.propagate();
      changed.push(node);
    }
    this.#computing = false;
    const flipped: Node<any>[] = [];
    for (const node of this.#nodes) {
      const synced = node.isSynced();
      if (synced === node.synced) continue;
      node.synced = synced;
      if (!changed.includes(node)) flipped.push(node);
    }
    this.revision++;
    return [...changed, ...flipped]
      .sort((a, b) => a.id - b.id)
      .map((node) => [[...node.listeners], node, node.takeChanges()] as const);
  }

  /** Calls everyone who waits for this flush; nobody's exception keeps the others from being called. */
  #deliver(deliveries: readonly Delivery[]): void {
    const unhandled: unknown[] = [];
    for (const [listeners, node, changes] of deliveries) {
      for (const listener of listeners) {
        try {
          // One may have been ended by another that was called before it.
          if (node.listeners.has(listener)) listener(changes, { synced: node.synced, revision: this.revision });
        } catch (error) {
          const failure = asError(error);
          if (this.#onError === undefined) unhandled.push(failure);
          else this.report(node.name, undefined, failure);
        }
      }
    }
    const reports = this.#reports;
    this.#reports = [];
    for (const report of reports) {
      try {
        this.#onError?.(report);
      } catch (error) {
        unhandled.push(error);
      }
    }
    if (unhandled.length > 0) throw new AggregateError(unhandled, "a subscriber or error handler of the graph threw");
  }

  #nodeOf<V>(name: string, collection: Collection<V>): Node<V> {
    if (collection instanceof Node && collection.engine === this) return collection;
    throw new EpoxyError("invalid", `collection '${name}' has '${collection.name}' of another graph as input`);
  }

  #wait(isDone: () => boolean): Promise<void> {
    if (!this.#flushing && isDone()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ isDone, resolve }));
  }

  #release(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      if (waiter.isDone()) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }
}

const errorsOf = (collection: string, errors: ReadonlyMap<string, Error>): CollectionError[] =>
  [...errors.keys()].sort().map((key) => ({ collection, key, error: errors.get(key) as Error }));

function valueOf<V>(collection: Collection<V>): Value<V> {
  return {
    name: collection.name,
    collection,
    get value() {
      return collection.get(VALUE_KEY);
    },
    get synced() {
      return collection.synced;
    },
  };
}
