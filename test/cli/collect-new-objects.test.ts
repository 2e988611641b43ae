import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const cli = join(import.meta.dirname, "..", "..", "src", "cli");

/** Into how many of 40 changes, each of which makes half a megabyte of objects, V8's collection of new objects falls, if between them that is done. */
function changesHeldUp(between: string): number {
  const program = `
    const { writeSync } = await import("node:fs");
    const { limitYoungGeneration } = await import(${JSON.stringify(join(cli, "limit-young-generation.ts"))});
    limitYoungGeneration();
    const { collectNewObjects } = await import(${JSON.stringify(join(cli, "collect-new-objects.ts"))});
    const make = (count) => Array.from({ length: count }, (_, i) => ({ i, list: [i, i] })).length;
    for (let change = 0; change < 40; change++) {
      make(1_000);
      ${between};
      writeSync(1, "change\\n");
      make(5_000);
      writeSync(1, "sent\\n");
    }
    writeSync(1, typeof globalThis.gc);
  `;
  const args = ["--trace-gc", "--input-type=module", "-e", program];
  const output = execFileSync(process.execPath, args, { encoding: "utf8" });
  // Only the module has it.
  expect(output).toMatch(/undefined$/);
  return [...output.matchAll(/^change\n([^]*?)^sent\n/gm)].filter(([, within]) => within?.includes("Scavenge")).length;
}

it("a change doesn't wait for V8 to collect new objects if that was done before", () => {
  expect(changesHeldUp("collectNewObjects()")).toBeLessThan(5);
  expect(changesHeldUp("")).toBeGreaterThan(15);
});
