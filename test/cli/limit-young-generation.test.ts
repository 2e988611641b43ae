import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const module = join(import.meta.dirname, "..", "..", "src", "cli", "limit-young-generation.ts");

/** A program half of whose new objects survive for a while: how many bytes its space for new ones has before and after that. */
function youngGeneration(first: string): { readonly before: number; readonly after: number } {
  const program = `
    ${first}
    const { getHeapSpaceStatistics } = await import("node:v8");
    const size = () => getHeapSpaceStatistics().find((space) => space.space_name === "new_space").space_size;
    const before = size();
    const kept = [];
    for (let i = 0; i < 2_000_000; i++) {
      kept.push({ i, list: [i] });
      if (kept.length > 500_000) kept.splice(0, 250_000);
    }
    console.log(JSON.stringify({ before, after: size() }));
  `;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" }));
}

it("the space for new objects hardly grows, whatever survives, in a process that has limited it", () => {
  const unlimited = youngGeneration("");
  const limited = youngGeneration(
    `const { limitYoungGeneration } = await import(${JSON.stringify(module)}); limitYoungGeneration();`,
  );
  const growth = ({ before, after }: { readonly before: number; readonly after: number }): number => after - before;
  expect(growth(unlimited)).toBeGreaterThan(32 << 20);
  // V8 may have begun to grow it while the module was read.
  expect(growth(limited)).toBeLessThan(growth(unlimited) / 2);
});
