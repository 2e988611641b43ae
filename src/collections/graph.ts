import type {
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
import type { DumpOptions, GraphDump } from "./dump.ts";
import { GraphEngine } from "./graph-engine.ts";
import type { SupposedEdit, SupposedOutcome } from "./supposition.ts";

export interface GraphOptions {
  /**
   * Called after the flush in which something failed; and with `key` undefined when a subscriber threw. Without it, what functions throw is in
   * `errors()` only, and what a subscriber throws leaves `flush`: of a flush that was scheduled, that ends the process.
   */
  readonly onError?: ((error: CollectionError) => void) | undefined;
  /** Runs the flush that is due. Default: setImmediate, which takes in all that one round of I/O brought. */
  readonly schedule?: ((flush: () => void) => void) | undefined;
}

export interface SourceOptions<V> {
  /** An equal value is no change, and the known one stays. Default: {@link structuralEquals}. */
  readonly equals?: ((a: V, b: V) => boolean) | undefined;
}

/** The collections of a {@link Graph.join}, by the names under which the function gets their values. */
export type JoinInputs = Readonly<Record<string, Collection<any>>>;

/** What a join's function gets: at least one of the values is there. */
export type Joined<I extends JoinInputs> = {
  readonly [Name in keyof I]: I[Name] extends Collection<infer V> ? V | undefined : never;
};

/**
 * Live collections, derived from one another by pure functions. A change costs what depends on it: exactly the inputs whose
 * value changed, or whose function looked at what changed, run again, and an equal output ends there.
 *
 * Edits of sources are gathered and applied by one flush per tick, in the order in which the collections were made, which
 * is topological since a collection can depend on earlier ones only. So no function and no subscriber ever sees a
 * half-built state. A function that throws harms nothing but its own key, where the last good value stays.
 */
export interface Graph {
  /** Number of flushes so far. */
  readonly revision: number;
  source<V>(name: string, options?: SourceOptions<V>): Source<V>;
  /** One global value that is set from outside. */
  value<V>(name: string, options?: SourceOptions<V>): ValueSource<V>;
  /** One global value made from look-ups. */
  computeValue<O>(
    name: string,
    fn: (lookup: Lookup, previous: O | undefined) => O | undefined,
    options?: DeriveOptions<O>,
  ): Value<O>;
  /**
   * One output (or none: undefined) per input, under the same key. `previous` is the output in force, for results that keep the
   * last good part of themselves; using it makes the result depend on history.
   */
  derive<I, O>(
    name: string,
    input: Collection<I>,
    fn: (value: I, key: string, lookup: Lookup, previous: O | undefined) => O | undefined,
    options?: DeriveOptions<O>,
  ): Collection<O>;
  /**
   * Any number of outputs per input, each under a key of its own. Where two inputs claim one key, the input whose key sorts first
   * has it, and the conflict is an error under the key `output <key>`. One input making a key twice is that input's error.
   */
  deriveMany<I, O>(
    name: string,
    input: Collection<I>,
    fn: (value: I, key: string, lookup: Lookup) => Iterable<readonly [key: string, value: O]>,
    options?: DeriveOptions<O>,
  ): Collection<O>;
  /** One output per key that any of the inputs has. */
  join<I extends JoinInputs, O>(
    name: string,
    inputs: I,
    fn: (values: Joined<I>, key: string, lookup: Lookup, previous: O | undefined) => O | undefined,
    options?: DeriveOptions<O>,
  ): Collection<O>;
  /** The non-empty groups of a collection by what `keysOf` says, or of an index that exists already. */
  groupBy<V>(
    name: string,
    input: Collection<V>,
    keysOf: (value: V, key: string) => Iterable<string>,
  ): Collection<Group<V>>;
  groupBy<V>(name: string, index: Index<V>): Collection<Group<V>>;
  /**
   * Applies what is staged, at once, and calls the subscribers. What these edit is left to the next flush. Within a flush it
   * does nothing.
   */
  flush(): void;
  /**
   * What would be different in `wanted` after these edits (an `undefined` value deletes). What is staged is applied first. Costs what
   * the edits cost, up to the last of the wanted collections, and changes nothing: nobody sees the supposed state but the caller.
   * @throws `invalid` within a flush, or for an edit of what is no source
   */
  whatIf(edits: Iterable<SupposedEdit>, wanted: readonly Collection<any>[]): SupposedOutcome;
  /** Resolves when nothing is staged. */
  settled(): Promise<void>;
  /** Resolves after the flush with which all of the collections are synced. @throws the signal's reason */
  whenSynced(
    collections: readonly Collection<any>[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
  collection(name: string): Collection<unknown> | undefined;
  /** What can't be made at present; values that an index can't place are under `<collection>.<index>`. */
  errors(): readonly CollectionError[];
  /** The whole graph as plain JSON: sizes, keys, errors and dependencies, no values. */
  dump(options?: DumpOptions): GraphDump;
}

/** Makes an empty graph. It holds no resources: dropping it is enough. */
export function createGraph(options: GraphOptions = {}): Graph {
  return new GraphEngine(options);
}
