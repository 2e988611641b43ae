import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { checkModel } from "./support/model.ts";
import { plantedBugs } from "./support/planted-bugs.ts";
import type { BugReport } from "./support/run-planted-bugs.ts";

const SEED = 20_261_121;
const SEQUENCES = 3_000;

test("each bug planted in the server makes the model fail", { timeout: 120_000 }, async () => {
  const main = fileURLToPath(new URL("support/run-planted-bugs.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [main, `${SEQUENCES}`, `${SEED}`]);
  const reports = JSON.parse(stdout) as BugReport[];
  expect(reports.map(({ what }) => what)).toEqual(plantedBugs.map(({ what }) => what));
  expect(reports.filter(({ failure }) => failure === undefined)).toEqual([]);
  expect(plantedBugs.length).toBeGreaterThanOrEqual(10);
});

test("without one it doesn't fail", () => {
  checkModel({ sequences: SEQUENCES, seed: SEED });
});
