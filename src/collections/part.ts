import type { Edge } from "./edge.ts";

/** Pairs of edge and key, flat: the cheapest form for what tens of thousands of inputs looked at. */
export type Footprint = (Edge | string)[];

/** What looks at nothing. */
export const NOTHING: Footprint = [];

/** A part of what a function makes of an input, kept with what it looked at itself. */
export class Part {
  readonly inputKey: string;
  /** The part that it was made within. */
  readonly around: Part | undefined;
  /** False: what it, or a part within it, looked at has changed, or it couldn't be made. */
  isValid = false;
  inputs: readonly unknown[] = [];
  result: unknown;
  footprint: Footprint = NOTHING;
  readonly within = new Parts();
  /** The run in which it was last asked for. */
  run = 0;

  constructor(inputKey: string, around: Part | undefined) {
    this.inputKey = inputKey;
    this.around = around;
  }

  /** Has it, and all that it is in, made again. */
  invalidate(): void {
    this.isValid = false;
    // All of them: where a function went on without a part that couldn't be made, one is valid around one that isn't.
    for (let part = this.around; part !== undefined; part = part.around) part.isValid = false;
  }
}

/** The parts of one function's result, or of one part, by key. */
export class Parts {
  #parts: Map<string | number, Part> | undefined;

  get(key: string | number): Part | undefined {
    return this.#parts?.get(key);
  }

  set(key: string | number, part: Part): void {
    this.#parts ??= new Map();
    this.#parts.set(key, part);
  }

  /** Removes what wasn't asked for in a run that asked for `count` of them; all within goes, too. */
  *sweep(run: number, count: number): Generator<Part> {
    if (this.#parts === undefined || this.#parts.size === count) return;
    for (const [key, part] of this.#parts) {
      if (part.run === run) continue;
      this.#parts.delete(key);
      yield* part.within.sweep(GONE, 0);
      yield part;
    }
  }
}

/** No run has this number. */
const GONE = -1;
