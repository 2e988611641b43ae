/** Who is to be told that an input must run again. */
export interface Dependent {
  readonly name: string;
  markKey(inputKey: string): void;
}

/** What an edge watches of its target: single keys, the number of entries, or everything. */
export type EdgeMode = "key" | "size" | "all";

/**
 * All look-ups of one derived collection into one other collection or index, reversed: from what was looked at to the inputs
 * that looked. Most keys have one such input, so a lone one is kept without a Set.
 */
export class Edge {
  readonly mode: EdgeMode;
  readonly target: string;
  readonly dependent: Dependent;
  readonly #inputs = new Map<string, string | Set<string>>();

  constructor(mode: EdgeMode, target: string, dependent: Dependent) {
    this.mode = mode;
    this.target = target;
    this.dependent = dependent;
  }

  /** Whether any input looks at the target at present. */
  get used(): boolean {
    return this.#inputs.size > 0;
  }

  add(key: string, inputKey: string): void {
    const known = this.#inputs.get(key);
    if (known === undefined) this.#inputs.set(key, inputKey);
    else if (typeof known !== "string") known.add(inputKey);
    else if (known !== inputKey) this.#inputs.set(key, new Set([known, inputKey]));
  }

  remove(key: string, inputKey: string): void {
    const known = this.#inputs.get(key);
    if (known === undefined) return;
    if (typeof known === "string") {
      if (known === inputKey) this.#inputs.delete(key);
    } else {
      known.delete(inputKey);
      if (known.size === 0) this.#inputs.delete(key);
    }
  }

  /** Marks all inputs that looked at `key`. */
  fire(key: string): void {
    const known = this.#inputs.get(key);
    if (known === undefined) return;
    if (typeof known === "string") this.dependent.markKey(known);
    else for (const inputKey of known) this.dependent.markKey(inputKey);
  }

  /** The inputs that looked at `key`. */
  inputsOf(key: string): Iterable<string> {
    const known = this.#inputs.get(key);
    return known === undefined ? [] : typeof known === "string" ? [known] : known;
  }

  /** For the dump: the inputs by what they looked at, both sorted. */
  *entries(): Iterable<[key: string, inputKeys: string[]]> {
    for (const key of [...this.#inputs.keys()].sort()) {
      const known = this.#inputs.get(key) as string | Set<string>;
      yield [key, typeof known === "string" ? [known] : [...known].sort()];
    }
  }
}

/** The key under which edges that watch the size or everything keep their inputs. */
export const WHOLE = "";
