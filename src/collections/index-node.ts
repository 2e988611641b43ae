import { sharedText } from "../resources/index.ts";
import { asError } from "./as-error.ts";
import type { Collection, Index } from "./collection.ts";
import type { Dependent, Edge } from "./edge.ts";
import type { Engine } from "./engine.ts";
import { type Sorted, SortedView, withChanges } from "./sorted-view.ts";

/** What an index needs of the collection that it belongs to. */
interface Indexed<V> extends Collection<V> {
  readonly id: number;
  readonly engine: Engine;
  readonly values: ReadonlyMap<string, V>;
}

interface Members<V> {
  readonly keys: Set<string>;
  readonly view: SortedView<V>;
}

const NONE: readonly never[] = [];

/** An index, updated by its collection in each flush. A group of one, the most frequent, is kept as the bare key. */
export class IndexNode<V> implements Index<V> {
  readonly name: string;
  readonly collection: Indexed<V>;
  readonly edges: Edge[] = [];
  /** Collections made of the groups of this index. */
  readonly consumers: Dependent[] = [];
  /** Why a value is in no group, by its key. */
  readonly errors = new Map<string, Error>();
  readonly #keysOf: (value: V, key: string) => Iterable<string>;
  readonly #groups = new Map<string, string | Members<V>>();

  constructor(collection: Indexed<V>, name: string, keysOf: (value: V, key: string) => Iterable<string>) {
    this.collection = collection;
    this.name = name;
    this.#keysOf = keysOf;
    for (const [key, value] of collection.values)
      for (const group of this.#groupsNow(value, key)) this.#add(group, key);
  }

  /** As it stands in reports and look-ups. */
  get fullName(): string {
    return `${this.collection.name}.${this.name}`;
  }

  get(indexKey: string): readonly V[] {
    // The collection's own guard against untracked reads holds for its indexes, too.
    void this.collection.size;
    return this.groupValues(indexKey);
  }

  keys(indexKey: string): readonly string[] {
    void this.collection.size;
    return this.groupKeys(indexKey);
  }

  indexKeys(): readonly string[] {
    void this.collection.size;
    return [...this.#groups.keys()].sort();
  }

  groupValues(indexKey: string): readonly V[] {
    const group = this.#groups.get(indexKey);
    if (group === undefined) return NONE;
    return typeof group === "string" ? [this.collection.values.get(group) as V] : group.view.values();
  }

  groupKeys(indexKey: string): readonly string[] {
    const group = this.#groups.get(indexKey);
    if (group === undefined) return NONE;
    return typeof group === "string" ? [group] : group.view.keys();
  }

  allGroups(): Iterable<string> {
    return this.#groups.keys();
  }

  /** Takes over what changed in the collection: values before by key. */
  update(changed: ReadonlyMap<string, V | undefined>): void {
    const touched = new Set<string>();
    for (const [key, before] of changed) {
      const after = this.collection.values.get(key);
      const left = before === undefined ? NONE : this.#groupsOf(before, key);
      if (after === undefined) this.errors.delete(key);
      const entered = after === undefined ? NONE : this.#groupsNow(after, key);
      // An item may be in thousands of groups.
      const stays = entered.length > 8 ? new Set(entered) : undefined;
      for (const group of left) {
        touched.add(group);
        if (!(stays?.has(group) ?? entered.includes(group))) this.#remove(group, key);
      }
      for (const group of entered) {
        touched.add(group);
        this.#add(group, key);
      }
    }
    for (const consumer of this.consumers) for (const group of touched) consumer.markKey(group);
    for (const edge of this.edges) for (const group of touched) edge.fire(group);
  }

  /** The groups that something would change in if the values became these, as they would be. */
  suppose(
    changes: ReadonlyMap<string, V | undefined>,
    onError: (key: string, error: unknown) => void,
  ): ReadonlyMap<string, Sorted<V>> {
    const groups = new Map<string, Map<string, V | undefined>>();
    const note = (group: string, key: string, value: V | undefined): void => {
      const noted = groups.get(group) ?? new Map<string, V | undefined>();
      groups.set(group, noted.set(key, value));
    };
    for (const [key, after] of changes) {
      const before = this.collection.values.get(key);
      if (before !== undefined) for (const group of this.#groupsOf(before, key)) note(group, key, undefined);
      if (after === undefined) continue;
      for (const group of this.#groupsOf(after, key, (error) => onError(key, error))) note(group, key, after);
    }
    const present = (group: string): Sorted<V> => ({ keys: this.groupKeys(group), values: this.groupValues(group) });
    return new Map([...groups].map(([group, noted]) => [group, withChanges(present(group), noted)]));
  }

  /** The groups of a value that is there from now on; what can't be told is reported, and kept until it can. */
  #groupsNow(value: V, key: string): readonly string[] {
    let failure: Error | undefined;
    const groups = this.#groupsOf(value, key, (error) => (failure = asError(error)));
    const known = this.errors.get(key);
    if (failure === undefined) {
      this.errors.delete(key);
      return groups;
    }
    this.errors.set(key, failure);
    if (known?.message !== failure.message) this.collection.engine.report(this.fullName, key, failure);
    return groups;
  }

  #groupsOf(value: V, key: string, onError?: (error: unknown) => void): readonly string[] {
    try {
      return [...new Set(this.#keysOf(value, key))];
    } catch (error) {
      onError?.(error);
      return NONE;
    }
  }

  #add(group: string, key: string): void {
    const known = this.#groups.get(group);
    if (known === undefined) {
      this.#groups.set(sharedText(group), key);
    } else if (typeof known !== "string") {
      known.keys.add(key);
      known.view.touch(key);
    } else if (known !== key) {
      const keys = new Set([known, key]);
      this.#groups.set(group, { keys, view: new SortedView(keys, this.collection.values) });
    }
  }

  #remove(group: string, key: string): void {
    const known = this.#groups.get(group);
    if (known === undefined) return;
    if (typeof known === "string") {
      if (known === key) this.#groups.delete(group);
      return;
    }
    known.keys.delete(key);
    known.view.touch(key);
    if (known.keys.size === 0) this.#groups.delete(group);
  }
}
