/**
 * Finds the faults among units that were refused together, by group testing: each trial is some of the units, on top of all that was accepted
 * so far. It knows nothing of protocols. With k faults among n units it takes at most k·(⌈log2 n⌉ + 1) trials, plus one if a hint misleads.
 * A unit that is the only one left of a refused group is a fault without a trial of its own.
 */
export interface Bisection {
  /** The units to try next, the same ones until `settle`; undefined once nothing is left to find out. */
  readonly trial: readonly string[] | undefined;
  readonly faults: readonly string[];
  /** Not accepted, and not found to be faults. */
  readonly open: ReadonlySet<string>;
  /** Whether the unit is among those. A look-up, while `open` is put together. */
  isOpen(unit: string): boolean;
  /** Takes the answer to the trial. `hinted` names the units that the answer seems to blame; it decides what is tried first, no more. */
  settle(accepted: boolean, hinted?: Iterable<string>): void;
  /** Adds units of which nothing is known. */
  add(units: Iterable<string>): void;
  /** The unit is no more, or isn't what it was. Returns whether it was open. */
  forget(unit: string): boolean;
}

/** One hint that leads nowhere is forgiven; after that they are ignored, so that a misleading client costs no more than one trial. */
const MISLEADING_HINTS = 1;

/** `refused` were refused together; `hinted` are those of them that the refusal seems to blame. */
export function createBisection(refused: Iterable<string>, hinted: Iterable<string> = []): Bisection {
  const faults: string[] = [];
  /** There is a fault among these. */
  let guilty = new Set(refused);
  /** Of these nothing is known. */
  const unknown = new Set<string>();
  let hints = new Set(hinted);
  let misled = 0;
  let trial:
    | { readonly units: readonly string[]; readonly rest: readonly string[]; readonly byHint: boolean }
    | undefined;

  /** Finds out what needs no trial, then chooses one. */
  function choose(): void {
    const [only] = guilty;
    if (guilty.size === 1 && only !== undefined) {
      faults.push(only);
      guilty = new Set();
    }
    trial = undefined;
    if (guilty.size === 0) {
      if (unknown.size > 0) trial = { units: [...unknown], rest: [], byHint: false };
      return;
    }
    const units = [...guilty];
    const blamed = misled < MISLEADING_HINTS ? units.filter((unit) => hints.has(unit)) : [];
    if (blamed.length > 0 && blamed.length < units.length) {
      trial = { units: units.filter((unit) => !hints.has(unit)), rest: blamed, byHint: true };
    } else {
      const half = Math.ceil(units.length / 2);
      trial = { units: units.slice(0, half), rest: units.slice(half), byHint: false };
    }
  }

  choose();
  return {
    get trial() {
      return trial?.units;
    },
    faults,
    get open() {
      return new Set([...guilty, ...unknown]);
    },
    isOpen: (unit) => guilty.has(unit) || unknown.has(unit),
    settle(accepted, nextHints = []) {
      if (trial === undefined) return;
      const { units, rest, byHint } = trial;
      if (accepted) {
        for (const unit of units) unknown.delete(unit);
        // What was refused together holds a fault; it isn't among those accepted now.
        guilty = new Set(rest.filter((unit) => guilty.has(unit)));
      } else {
        if (byHint) misled++;
        const still = units.filter((unit) => guilty.has(unit) || unknown.has(unit));
        for (const unit of rest) if (guilty.has(unit)) unknown.add(unit);
        // Where one of them has changed since, it may have been the fault.
        if (still.length === units.length) for (const unit of units) unknown.delete(unit);
        else for (const unit of still) unknown.add(unit);
        guilty = new Set(still.length === units.length ? units : []);
        hints = new Set(nextHints);
      }
      choose();
    },
    add(units) {
      for (const unit of units) if (!guilty.has(unit) && !faults.includes(unit)) unknown.add(unit);
      if (trial === undefined) choose();
    },
    forget(unit) {
      if (!guilty.has(unit)) return unknown.delete(unit);
      guilty.delete(unit);
      // It may have been the fault, so of the others nothing is known any more.
      for (const other of guilty) unknown.add(other);
      guilty = new Set();
      return true;
    },
  };
}
