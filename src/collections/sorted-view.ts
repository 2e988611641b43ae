/** The part of Map and Set that says which keys there are. */
interface Keys {
  readonly size: number;
  has(key: string): boolean;
  keys(): Iterable<string>;
}

/**
 * Keys and values in order of key, made when they are read. A few changes since the last reading are merged into a copy (arrays
 * that were handed out stay as they are), many are sorted anew; where nobody reads, nothing is kept.
 */
export class SortedView<V> {
  readonly #members: Keys;
  readonly #values: ReadonlyMap<string, V>;
  #sortedKeys: readonly string[] = [];
  /** Undefined while nobody has asked for values. */
  #sortedValues: readonly V[] | undefined;
  #touched: Set<string> | "all" = "all";

  constructor(members: Keys, values: ReadonlyMap<string, V>) {
    this.#members = members;
    this.#values = values;
  }

  /** Says that a key was added or removed, or that its value changed. */
  touch(key: string): void {
    if (this.#touched === "all") return;
    this.#touched.add(key);
    // Moving the tail of an array is far cheaper than comparing strings, but not for any number of keys.
    if (this.#touched.size > 16 + (this.#sortedKeys.length >> 3)) {
      this.#touched = "all";
      this.#sortedKeys = [];
      this.#sortedValues = undefined;
    }
  }

  keys(): readonly string[] {
    this.#refresh();
    return this.#sortedKeys;
  }

  values(): readonly V[] {
    this.#refresh();
    this.#sortedValues ??= this.#sortedKeys.map((key) => this.#values.get(key) as V);
    return this.#sortedValues;
  }

  #refresh(): void {
    if (this.#touched === "all") {
      this.#sortedKeys = [...this.#members.keys()].sort();
      this.#sortedValues = undefined;
      this.#touched = new Set();
    } else if (this.#touched.size > 0) {
      this.#merge(this.#touched);
      this.#touched.clear();
    }
  }

  #merge(touched: ReadonlySet<string>): void {
    let keys: string[] | undefined;
    const values = this.#sortedValues?.slice();
    for (const key of touched) {
      const position = lowerBound(keys ?? this.#sortedKeys, key);
      const present = (keys ?? this.#sortedKeys)[position] === key;
      if (this.#members.has(key)) {
        const value = this.#values.get(key) as V;
        if (present) {
          if (values !== undefined) values[position] = value;
        } else {
          keys ??= this.#sortedKeys.slice();
          keys.splice(position, 0, key);
          values?.splice(position, 0, value);
        }
      } else if (present) {
        keys ??= this.#sortedKeys.slice();
        keys.splice(position, 1);
        values?.splice(position, 1);
      }
    }
    this.#sortedKeys = keys ?? this.#sortedKeys;
    this.#sortedValues = values;
  }
}

/** Keys and values in order of key. */
export interface Sorted<V> {
  readonly keys: readonly string[];
  readonly values: readonly V[];
}

/** A copy with other values for some keys; undefined removes one. */
export function withChanges<V>(
  { keys, values }: Sorted<V>,
  changes: Iterable<readonly [string, V | undefined]>,
): Sorted<V> {
  const copy = { keys: keys.slice(), values: values.slice() };
  for (const [key, value] of changes) {
    const position = lowerBound(copy.keys, key);
    const removed = copy.keys[position] === key ? 1 : 0;
    copy.keys.splice(position, removed, ...(value === undefined ? [] : [key]));
    copy.values.splice(position, removed, ...(value === undefined ? [] : [value]));
  }
  return copy;
}

/** Position of the first element that is not less than `key`. */
function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
