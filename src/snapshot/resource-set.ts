import { type Ref, type Resource, refKey } from "../resources/index.ts";

/** An immutable set of resources of one kind. */
export interface ResourceSet<T> extends Iterable<T> {
  readonly size: number;
  get(ref: Ref): T | undefined;
  has(ref: Ref): boolean;
  /** Sorted by {@link refKey}. The same array on each call. */
  list(): readonly T[];
}

/** A set that can make its successor. */
export interface PersistentSet<T> extends ResourceSet<T> {
  lookup(key: string): T | undefined;
  /** The set with other values for some keys; undefined removes. This one stays as it is. */
  with(changes: ReadonlyMap<string, T | undefined>): PersistentSet<T>;
}

export const emptySet = <T extends Resource>(): PersistentSet<T> => new LayeredSet<T>(new Map(), new Map(), 0);

/**
 * A base that successors share, and what differs from it. The difference is copied for each successor and moved into a new base
 * when it outgrows the square root of it, so that a small change never costs the size of the set.
 */
class LayeredSet<T> implements PersistentSet<T> {
  readonly #base: ReadonlyMap<string, T>;
  readonly #difference: ReadonlyMap<string, T | undefined>;
  readonly size: number;
  #list: readonly T[] | undefined;

  constructor(base: ReadonlyMap<string, T>, difference: ReadonlyMap<string, T | undefined>, size: number) {
    this.#base = base;
    this.#difference = difference;
    this.size = size;
  }

  lookup(key: string): T | undefined {
    return this.#difference.has(key) ? this.#difference.get(key) : this.#base.get(key);
  }

  get(ref: Ref): T | undefined {
    return this.lookup(refKey(ref));
  }

  has(ref: Ref): boolean {
    return this.get(ref) !== undefined;
  }

  list(): readonly T[] {
    if (this.#list === undefined) {
      const merged = this.#difference.size === 0 ? this.#base : this.#merge(this.#difference);
      this.#list = Object.freeze([...merged.keys()].sort().map((key) => merged.get(key) as T));
    }
    return this.#list;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.list()[Symbol.iterator]();
  }

  with(changes: ReadonlyMap<string, T | undefined>): PersistentSet<T> {
    if (changes.size === 0) return this;
    let { size } = this;
    for (const [key, value] of changes) {
      const had = this.lookup(key) !== undefined;
      if (had && value === undefined) size--;
      if (!had && value !== undefined) size++;
    }
    const difference = new Map([...this.#difference, ...changes]);
    if (difference.size <= 16 + Math.sqrt(this.#base.size)) return new LayeredSet(this.#base, difference, size);
    return new LayeredSet(this.#merge(difference), new Map(), size);
  }

  #merge(difference: ReadonlyMap<string, T | undefined>): ReadonlyMap<string, T> {
    const merged = new Map(this.#base);
    for (const [key, value] of difference) {
      if (value === undefined) merged.delete(key);
      else merged.set(key, value);
    }
    return merged;
  }
}
