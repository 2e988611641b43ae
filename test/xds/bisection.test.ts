import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBisection } from "../../src/xds/quarantine/bisection.ts";

/** A client that refuses a trial with a fault in it. Returns what was found, in how many trials. */
function search(units: readonly string[], faulty: ReadonlySet<string>, hint: (trial: readonly string[]) => string[]) {
  const bisection = createBisection(units, hint(units));
  const accepted = new Set<string>();
  const tried = new Set<string>([[...units].join()]);
  let trials = 0;
  for (; bisection.trial !== undefined; trials++) {
    const { trial } = bisection;
    const content = [...accepted, ...trial].sort().join();
    if (tried.has(content)) throw new Error(`tried again: ${content}`);
    tried.add(content);
    const good = !trial.some((unit) => faulty.has(unit));
    if (good) for (const unit of trial) accepted.add(unit);
    bisection.settle(good, hint(trial));
  }
  expect(bisection.open.size).toBe(0);
  return { faults: bisection.faults.toSorted(), accepted: [...accepted].sort(), trials };
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => String(index).padStart(4, "0"));
const noHint = () => [];

describe("a bisection", () => {
  test("finds any k faults among any n units within 2·k·log2(n)+2 trials, never tries the same twice, and accepts all others", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }).chain((count) =>
          fc.record({
            units: fc.constant(numbered(count)),
            faulty: fc.uniqueArray(fc.constantFrom(...numbered(count)), { minLength: 1, maxLength: 12 }),
            // Which units the texts blame, rightly or not.
            blamed: fc.uniqueArray(fc.constantFrom(...numbered(count)), { maxLength: 5 }),
          }),
        ),
        ({ units, faulty, blamed }) => {
          const bound = 2 * faulty.length * Math.log2(units.length) + 2;
          const { faults, accepted, trials } = search(units, new Set(faulty), () => blamed);
          expect(faults).toEqual(faulty.toSorted());
          expect(accepted).toEqual(units.filter((unit) => !faulty.includes(unit)));
          expect(trials).toBeLessThanOrEqual(bound);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("needs no trial for a unit that was refused alone", () => {
    expect(search(["a"], new Set(["a"]), noHint)).toEqual({ faults: ["a"], accepted: [], trials: 0 });
  });

  test("finds one fault among a thousand in ten trials and one for what is left", () => {
    expect(search(numbered(1000), new Set(["0700"]), noHint).trials).toBeLessThanOrEqual(11);
  });

  test("needs one trial where the text is right: everything but what it blames", () => {
    expect(search(numbered(1000), new Set(["0700"]), () => ["0700"])).toMatchObject({ faults: ["0700"], trials: 1 });
  });

  test("is misled by a text only once", () => {
    const faulty = new Set(["0700"]);
    const wrong = (trial: readonly string[]) => trial.filter((unit) => !faulty.has(unit)).slice(0, 1);
    const plain = search(numbered(1000), faulty, noHint).trials;
    expect(search(numbered(1000), faulty, wrong).trials).toBeLessThanOrEqual(plain + 1);
  });

  test("tries what came in meanwhile, and asks no more of what has changed", () => {
    const bisection = createBisection(["a", "b", "c", "d"]);
    expect(bisection.trial).toEqual(["a", "b"]);
    bisection.forget("d");
    bisection.add(["e"]);
    bisection.settle(true);
    // The one that has changed may have been the fault.
    expect(bisection.trial).toEqual(["c", "e"]);
    bisection.settle(false);
    bisection.settle(true);
    expect(bisection.faults).toEqual(["e"]);
    expect(bisection.trial).toBeUndefined();
  });
});
