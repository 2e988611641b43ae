import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkOracle } from "./support/oracle/check-oracle.ts";
import { plantedBugs } from "./support/oracle/planted-bugs.ts";

/** EPOXY_ORACLE_SEQUENCES=20000 for the long run (bench/README.md), EPOXY_ORACLE_STEPS for longer sequences. */
const sequences = Number(process.env["EPOXY_ORACLE_SEQUENCES"] ?? 120);
const maxSteps = Number(process.env["EPOXY_ORACLE_STEPS"] ?? 14);
/** What a failure names, to run it again. */
const seed = Number(process.env["EPOXY_ORACLE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const path = process.env["EPOXY_ORACLE_PATH"];

it(
  "after any edits, what is served and reported is what a translation from scratch gives",
  () => {
    const seen = checkOracle({ sequences, maxSteps, seed, path });
    if (process.env["EPOXY_ORACLE_SEQUENCES"] !== undefined) console.info(`seed ${seed}:`, Object.fromEntries(seen));
    if (path !== undefined) return;
    // Sequences that serve nothing, or break nothing, would prove little.
    const kinds = (start: string): number => [...seen.keys()].filter((it) => it.startsWith(start)).length;
    expect(kinds("type."), `served types, seed ${seed}`).toBe(5);
    expect(kinds('"state"'), `states, seed ${seed}`).toBeGreaterThanOrEqual(3);
  },
  60_000 + 500 * sequences,
);

it("the bugs that are planted to see whether that is found have their place in the source", async () => {
  for (const { what, file, text } of plantedBugs) {
    const source = await readFile(join(import.meta.dirname, "../../src", file), "utf8");
    expect(source.split(text).length - 1, what).toBe(1);
  }
});
