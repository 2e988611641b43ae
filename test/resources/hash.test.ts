import { describe, expect, it } from "vitest";
import { encodeCanonical, fromJson, type JsonValue, specEquals, specHash } from "../../src/resources/index.ts";
import { type Sample, sampleKind, sampleType } from "./support/sample.ts";

const sample = (json: Record<string, JsonValue>): Sample =>
  fromJson(sampleType, { metadata: { name: "a", namespace: "b" }, ...json });
const hash = (json: Record<string, JsonValue>): string => specHash(sampleKind, sample(json));

describe("specHash", () => {
  it.each([
    ["cases of a oneof with one value", { optionA: "x" }, { optionB: "x" }],
    ["texts cut elsewhere", { parts: [{ first: "ab", second: "c" }] }, { parts: [{ first: "a", second: "bc" }] }],
    ["swapped values of a map", { colorsByText: { a: "Green", b: "red" } }, { colorsByText: { a: "red", b: "Green" } }],
    ["keys and values that change places", { metadata: { labels: { a: "b" } } }, { metadata: { labels: { b: "a" } } }],
    ["lists cut elsewhere", { strings: ["a", "b"] }, { strings: ["ab"] }],
    ["an element in another message", { parts: [{ first: "a" }, {}] }, { parts: [{}, { first: "a" }] }],
    ["a wrapper of the default and none", { boolValue: false }, {}],
    ["an optional default and none", { optionalString: "" }, {}],
    ["an empty message and none", { nested: {} }, {}],
    ["annotations", { metadata: { annotations: { a: "b" } } }, { metadata: {} }],
    ["null and the empty text in plain JSON", { struct: { a: null } }, { struct: { a: "" } }],
  ])("tells %s apart", (_, a, b) => {
    expect(hash(a as never)).not.toBe(hash(b as never));
    expect(specEquals(sampleKind, sample(a as never), sample(b as never))).toBe(false);
  });

  it("ignores statuses and what servers keep in metadata", () => {
    const metadata = { name: "a", namespace: "b" };
    const served = {
      metadata: {
        ...metadata,
        resourceVersion: "7",
        generation: "3",
        uid: "u",
        creationTimestamp: "t",
        managedFields: [{}],
      },
      namespacedStatuses: { statuses: { x: { state: "Accepted" } } },
    };
    expect(hash(served)).toBe(hash({ metadata }));
    expect(specEquals(sampleKind, sample(served), sample({ metadata }))).toBe(true);
  });

  it("doesn't depend on the order in which maps and structs were filled", () => {
    const a = {
      ...sample({}),
      colorsByText: { a: 1, b: 2 },
      struct: { x: 1, y: 2 },
      textsByInt64: new Map([
        [1n, "a"],
        [-2n, "b"],
      ]),
    };
    const b = {
      ...sample({}),
      colorsByText: { b: 2, a: 1 },
      struct: { y: 2, x: 1 },
      textsByInt64: new Map([
        [-2n, "b"],
        [1n, "a"],
      ]),
    };
    expect(encodeCanonical(sampleType, a)).toEqual(encodeCanonical(sampleType, b));
    expect(specHash(sampleKind, a)).toBe(specHash(sampleKind, b));
  });

  it("is the same on every machine and in every version", () => {
    expect(hash({ aString: "x", colorsByText: { a: "Green" } })).toMatchInlineSnapshot(
      `"c583d1cf57d0af06b523554b14b913dd"`,
    );
  });
});
