/** One key's step from one revision of the graph to the next; `undefined` stands for absent. */
export interface Change<V> {
  readonly key: string;
  readonly before: V | undefined;
  readonly after: V | undefined;
}

/** What one flush changed in a collection, sorted by key, each key once. */
export type ChangeSet<V> = readonly Change<V>[];

/** The state that a batch of changes led to. */
export interface CollectionState {
  readonly synced: boolean;
  /** Number of the flush; the same for all collections of the graph. */
  readonly revision: number;
}

export type ChangeListener<V> = (changes: ChangeSet<V>, state: CollectionState) => void;

export interface SubscribeOptions {
  /** Also deliver what is there already, as additions, before this call returns. Default: false. */
  readonly initial?: boolean | undefined;
}

/** A value that could not be made. It is cleared when the same key succeeds or disappears. */
export interface CollectionError {
  readonly collection: string;
  /** Key of the input (or, where two inputs claim one output, of the output); undefined: a subscriber threw. */
  readonly key: string | undefined;
  readonly error: Error;
}

/**
 * A live set of values by key. All collections of a graph show the state of its last flush, together: nobody ever sees
 * one that is newer than another. Everything that lists is sorted by key (by UTF-16 code units), so that no result
 * depends on the order in which edits came. Values are never changed in place.
 */
export interface Collection<V> {
  readonly name: string;
  readonly size: number;
  /** Whether what is here is complete: all sources that it is made from have delivered their first full state. */
  readonly synced: boolean;
  /** What could not be made, by key. */
  readonly errors: ReadonlyMap<string, Error>;
  get(key: string): V | undefined;
  has(key: string): boolean;
  /** Sorted. The same array until something changes. */
  keys(): readonly string[];
  /** Sorted by key. The same array until something changes. */
  list(): readonly V[];
  /**
   * Makes an index that is kept up to date. `keysOf` must be pure; a value may have any number of index keys. If it throws,
   * the value is in no group, and the error is reported as one of the collection `<name of this one>.<name>`.
   */
  index(name: string, keysOf: (value: V, key: string) => Iterable<string>): Index<V>;
  /** Calls `listener` after each flush that changed something here or changed `synced`. Returns the way to end that. */
  subscribe(listener: ChangeListener<V>, options?: SubscribeOptions): () => void;
}

/** The values of a collection by index key. */
export interface Index<V> {
  readonly name: string;
  readonly collection: Collection<V>;
  /** Values with this index key, sorted by their key in the collection. */
  get(indexKey: string): readonly V[];
  /** Keys of the values with this index key, sorted. */
  keys(indexKey: string): readonly string[];
  /** All index keys that have values, sorted. */
  indexKeys(): readonly string[];
}

/** A collection that is filled from outside. Edits show after the next flush; until then the last one per key counts. */
export interface Source<V> extends Collection<V> {
  set(key: string, value: V): void;
  delete(key: string): void;
  /** Makes the content exactly `entries`. Costs the size of the content; what is equal is no change. */
  replaceAll(entries: Iterable<readonly [key: string, value: V]>): void;
  /** Several edits at once; `undefined` deletes. */
  apply(edits: Iterable<readonly [key: string, value: V | undefined]>): void;
  /** Says that the first full state has been delivered (or, with false, that the content is in doubt again). */
  markSynced(synced?: boolean): void;
}

/** Values of one group, each array sorted by the values' keys. Immutable. */
export interface Group<V> {
  readonly key: string;
  readonly keys: readonly string[];
  readonly values: readonly V[];
}

/** One global value, such as the settings in force. It is a collection of at most one entry, too. */
export interface Value<V> {
  readonly name: string;
  readonly value: V | undefined;
  readonly synced: boolean;
  readonly collection: Collection<V>;
}

/** A value that is set from outside. Setting it marks it as synced. */
export interface ValueSource<V> extends Value<V> {
  set(value: V | undefined): void;
}

/**
 * What a function of the graph may read besides its input. Each look-up is recorded: the function runs again for the same
 * input when what it looked at changes, also if that was absent. Only collections made before its own can be looked up.
 */
export interface Lookup {
  get<V>(other: Collection<V>, key: string): V | undefined;
  has<V>(other: Collection<V>, key: string): boolean;
  index<V>(index: Index<V>, indexKey: string): readonly V[];
  /** Everything, sorted by key. Each change in `other` then runs the function again: prefer `get` and `index`. */
  list<V>(other: Collection<V>): readonly V[];
  /** Runs the function again only when the number of entries changes. */
  size<V>(other: Collection<V>): number;
  value<V>(value: Value<V>): V | undefined;
  /**
   * What `make` gives; or, where this function made the part for the same input before, the very same result, as long as nothing that `make`
   * looked at has changed and `inputs` are equal. So one of a thousand things that a large output is made of costs itself when it changes.
   * Look-ups within `make` are the part's own; parts may stand in parts. `make` must depend on its look-ups and on `inputs` only: what else it
   * takes from around it isn't noticed. A part that isn't asked for any more is forgotten.
   *
   * @param key - one of a kind among the parts of the function, or of the part around it
   * @param make - gets what it gave last, of other inputs, too, so that it can keep what is equal
   * @throws `invalid` for the same key twice in one run
   */
  part<T>(key: string | number, inputs: readonly unknown[], make: (previous: T | undefined) => T): T;
}

export interface DeriveOptions<O> {
  /** Equal outputs are no change, so what depends on them does not run. Default: {@link structuralEquals}. */
  readonly equals?: ((a: O, b: O) => boolean) | undefined;
  /** What stays while the function throws: the last good output (default), or with false nothing. */
  readonly keepLastGood?: boolean | undefined;
}
