import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const module = join(import.meta.dirname, "..", "..", "src", "cli", "limit-young-generation.ts");

/** A program half of whose new objects survive for a while, and how many bytes its space for new ones has in the end. */
function youngGeneration(before: string): number {
  const program = `
    ${before}
    const kept = [];
    for (let i = 0; i < 2_000_000; i++) {
      kept.push({ i, list: [i] });
      if (kept.length > 500_000) kept.splice(0, 250_000);
    }
    const { getHeapSpaceStatistics } = await import("node:v8");
    console.log(getHeapSpaceStatistics().find((space) => space.space_name === "new_space").space_size);
  `;
  return Number(execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" }));
}

it("the space for new objects stays small, whatever survives, in a process that has limited it", () => {
  const unlimited = youngGeneration("");
  const limited = youngGeneration(
    `const { limitYoungGeneration } = await import(${JSON.stringify(module)}); limitYoungGeneration();`,
  );
  expect(limited).toBeLessThan(unlimited / 4);
});
