import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const module = join(import.meta.dirname, "..", "..", "src", "cli", "limit-old-generation.ts");

/** A program that keeps many objects and replaces them one by one: the most bytes that its heap has once it has been collected a few times. */
function heapUsed(isReady: boolean): number {
  const program = `
    const { limitOldGeneration } = await import(${JSON.stringify(module)});
    const kept = Array.from({ length: 300_000 }, (_, i) => ({ i, list: [i, i, i, i] }));
    limitOldGeneration(() => ${isReady});
    await new Promise((resolve) => setTimeout(resolve, 400));
    let most = 0;
    for (let i = 0; i < 6_000_000; i++) {
      kept[i % kept.length] = { i, list: [i, i, i, i] };
      if (i > 3_600_000 && i % 10_000 === 0) most = Math.max(most, process.memoryUsage().heapUsed);
    }
    console.log(most);
  `;
  return Number(execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" }));
}

it("less garbage stays in the heap of a process whose start is over", () => {
  expect(heapUsed(true)).toBeLessThan(heapUsed(false) * 0.5);
});
