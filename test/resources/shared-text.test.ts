import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { sharedText } from "../../src/resources/index.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes that three times the same 10,000 texts take, each made anew. */
function bytesOf(make: (text: string) => string, prefix: string): number {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const copies = [1, 2, 3].map(() =>
    Array.from({ length: 10_000 }, (_, index) => make(`${prefix}/${"x".repeat(50)}/${index}`)),
  );
  collectGarbage();
  const bytes = process.memoryUsage().heapUsed - before;
  expect(copies[0]).toEqual(copies[2]);
  return bytes;
}

test("equal texts take the memory of one", () => {
  expect(bytesOf(sharedText, "shared")).toBeLessThan(bytesOf((text) => text, "kept") / 2);
});

test("a text stays what it was", () => {
  for (const text of ["", "7", "__proto__", "toString", "ä/ö"]) expect(sharedText(text)).toBe(text);
});
