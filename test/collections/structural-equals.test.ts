import * as fc from "fast-check";
import { expect, test } from "vitest";
import { structuralEquals } from "../../src/collections/index.ts";

class Opaque {
  readonly text = "same";
}

test.each<[string, unknown, unknown, boolean]>([
  ["NaN equals NaN", Number.NaN, Number.NaN, true],
  ["0 and -0 differ", 0, -0, false],
  ["an undefined property equals an absent one", { a: 1, b: undefined }, { a: 1 }, true],
  ["an absent property differs from a set one", { a: 1 }, { a: 1, b: 2 }, false],
  ["a property that all objects have anyway differs from an absent one", {}, { toString: "text" }, false],
  ["a nested difference is found", { a: [{ b: 1n }] }, { a: [{ b: 2n }] }, false],
  ["equal bytes are equal", { a: Uint8Array.of(1, 2) }, { a: Uint8Array.of(1, 2) }, true],
  ["different bytes differ", Uint8Array.of(1, 2), Uint8Array.of(1, 3), false],
  ["bytes and an array differ", Uint8Array.of(1), [1], false],
  ["an empty array and an empty object differ", [], {}, false],
  ["equal maps are equal", new Map([["a", [1]]]), new Map([["a", [1]]]), true],
  ["a map's missing key differs from undefined", new Map([["a", undefined]]), new Map([["b", undefined]]), false],
  ["sets compare by members", new Set(["a", "b"]), new Set(["b", "a"]), true],
  ["sets of other members differ", new Set(["a"]), new Set(["b"]), false],
  ["null and an object differ", null, {}, false],
  ["instances of classes are equal only to themselves", new Opaque(), new Opaque(), false],
])("%s", (_title, a, b, equal) => {
  expect(structuralEquals(a, b)).toBe(equal);
  expect(structuralEquals(b, a)).toBe(equal);
});

test("a deep copy of any data is equal to it", () => {
  fc.assert(
    fc.property(fc.object({ withBigInt: true }), (data) => {
      expect(structuralEquals(data, structuredClone(data))).toBe(true);
    }),
  );
});
