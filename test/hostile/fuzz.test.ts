import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VirtualServiceKind } from "../../generated/sdk/index.ts";
import { renderResource } from "../../src/resources/index.ts";
import { hostileTexts } from "./support/hostile-texts.ts";
import { judge } from "./support/judge.ts";

/** FUZZ=100000 for a long run; FUZZ_SEED for another one. */
const runs = Number(process.env.FUZZ ?? 1_500);
const seed = Number(process.env.FUZZ_SEED ?? 1);

/** Numbers in [0, 1) that a seed determines (mulberry32). */
function createRandom(state: number): () => number {
  let a = state;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const pieces = [
  ...[
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!x ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "? ",
    ": ",
    "- ",
    "|\n",
    ">-\n",
    "# ",
    "\t",
    "\n",
  ],
  ...[
    "[",
    "]",
    "{",
    "}",
    ",",
    '"',
    "'",
    "\\",
    "\0",
    "\u001b[2J",
    "\ud800",
    "\ufeff",
    "~",
    "null",
    "true",
    ".nan",
    "1e999",
  ],
  ...[
    "9".repeat(400),
    "-1",
    "0x10",
    "15s",
    "__proto__: {a: b}\n",
    "constructor: 1\n",
    "metadata: ",
    "spec:\n",
    "kind: List\nitems:\n",
  ],
];

test(`${runs} texts made from sound ones by random mistakes give resources or located errors, in bounded time and memory`, {
  timeout: 3_600_000,
}, () => {
  const sound = [
    ...globSync("test/envoy/*/*.in.yaml").map((path) => readFileSync(path, "utf8")),
    ...Object.values(hostileTexts).filter((text) => text.length < 2_000),
    renderResource(
      VirtualServiceKind,
      VirtualServiceKind.type.codec.fromPartial({ metadata: { name: "a", namespace: "b" } }),
    ),
  ];
  const random = createRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const mutate = (text: string): string => {
    const at = below(text.length + 1);
    const length = below(10);
    switch (below(6)) {
      case 0:
        return text.slice(0, at) + pick(pieces) + text.slice(at);
      case 1:
        return text.slice(0, at) + text.slice(at + length);
      case 2:
        return text.slice(0, at) + String.fromCharCode(below(below(8) === 0 ? 65_536 : 128)) + text.slice(at + 1);
      case 3:
        return text.slice(0, at) + pick(sound).slice(below(200), below(400)) + text.slice(at);
      case 4:
        return text.slice(0, at) + text.slice(at, at + length).repeat(below(60)) + text.slice(at);
      default:
        return text.slice(0, at);
    }
  };

  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  let refused = 0;
  for (let run = 0; run < runs; run++) {
    let text = pick(sound);
    for (let count = below(5) + 1; count > 0; count--) text = mutate(text);
    try {
      if (judge(text).length > 0) refused++;
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed}, run ${run}: ${JSON.stringify(text).slice(0, 2_000)}`, { cause: error });
    }
  }
  // Most mistakes are seen, but not all texts are broken by them.
  expect(refused / runs).toBeGreaterThan(0.5);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(500 << 20);
});
