import { Part } from "./part.ts";

/** Who is to be told that an input must run again. */
export interface Dependent {
  readonly name: string;
  markKey(inputKey: string): void;
}

/** Who looked: a function for an input, by its key, or a part of what it makes. */
export type Looker = string | Part;

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
  readonly #inputs = new Map<string, Looker | Set<Looker>>();

  constructor(mode: EdgeMode, target: string, dependent: Dependent) {
    this.mode = mode;
    this.target = target;
    this.dependent = dependent;
  }

  /** Whether any input looks at the target at present. */
  get used(): boolean {
    return this.#inputs.size > 0;
  }

  add(key: string, looker: Looker): void {
    const known = this.#inputs.get(key);
    if (known === undefined) this.#inputs.set(key, looker);
    else if (known instanceof Set) known.add(looker);
    else if (known !== looker) this.#inputs.set(key, new Set([known, looker]));
  }

  remove(key: string, looker: Looker): void {
    const known = this.#inputs.get(key);
    if (known === undefined) return;
    if (known instanceof Set) {
      known.delete(looker);
      if (known.size === 0) this.#inputs.delete(key);
    } else {
      if (known === looker) this.#inputs.delete(key);
    }
  }

  /** Marks all inputs that looked at `key`, and invalidates the parts that did. */
  fire(key: string): void {
    const known = this.#inputs.get(key);
    if (known === undefined) return;
    if (known instanceof Set) for (const looker of known) this.#tell(looker);
    else this.#tell(known);
  }

  #tell(looker: Looker): void {
    if (typeof looker === "string") return this.dependent.markKey(looker);
    looker.invalidate();
    this.dependent.markKey(looker.inputKey);
  }

  /** Who looked at `key`. */
  lookersAt(key: string): Iterable<Looker> {
    const known = this.#inputs.get(key);
    return known === undefined ? [] : known instanceof Set ? known : [known];
  }

  /** For the dump: the inputs by what they looked at, both sorted. */
  *entries(): Iterable<[key: string, inputKeys: string[]]> {
    for (const key of [...this.#inputs.keys()].sort()) {
      const inputKeys = [...this.lookersAt(key)].map((looker) => (looker instanceof Part ? looker.inputKey : looker));
      yield [key, [...new Set(inputKeys)].sort()];
    }
  }
}

/** The key under which edges that watch the size or everything keep their inputs. */
export const WHOLE = "";
