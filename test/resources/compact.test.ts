import { describe, expect, it } from "vitest";
import { compactPlain, deepFreeze } from "../../src/resources/index.ts";

describe("a compacted value", () => {
  it("equals what it was made from", () => {
    const value = () => ({
      a: "text that is long enough to be a piece of another",
      b: [1, "ä€😀".repeat(500), { c: [] }],
      d: {},
      e: undefined,
      f: 7n,
    });
    expect(compactPlain(value(), undefined)).toStrictEqual(value());
    expect(compactPlain(value(), value())).toStrictEqual(value());
  });

  it("is what was there before where that is equal, and shares the equal parts where it isn't", () => {
    const before = deepFreeze({ spec: { hosts: [{ port: 1 }, { port: 2 }] }, status: { state: 1 } });
    const same = compactPlain({ spec: { hosts: [{ port: 1 }, { port: 2 }] }, status: { state: 1 } }, before);
    expect(same).toBe(before);

    const other = compactPlain({ spec: { hosts: [{ port: 1 }, { port: 3 }] }, status: { state: 1 } }, before);
    expect(other).toEqual({ spec: { hosts: [{ port: 1 }, { port: 3 }] }, status: { state: 1 } });
    expect(other.spec.hosts[0]).toBe(before.spec.hosts[0]);
    expect(other.status).toBe(before.status);
    expect(before.spec.hosts).toEqual([{ port: 1 }, { port: 2 }]);
  });

  it("takes a field more or less, set or unset, for another value", () => {
    const cases: [unknown, unknown][] = [
      [{ a: 1 }, { a: 1, b: 2 }],
      [{ a: 1, b: 2 }, { a: 1 }],
      [{ a: 1, b: undefined }, { a: 1 }],
      [{ a: 1 }, { a: 1, b: undefined }],
      [[1], [1, 2]],
      [[1, 2], [1]],
      [{}, []],
      [{ a: [] }, { a: {} }],
      [{ a: "" }, { a: undefined }],
    ];
    for (const [value, before] of cases) expect(compactPlain(structuredClone(value), before)).toStrictEqual(value);
  });

  it("shares empty lists and objects, which nobody can fill by mistake", () => {
    const { a, b, c } = compactPlain({ a: [] as number[], b: [] as number[], c: {} }, undefined);
    expect(a).toBe(b);
    expect(() => a.push(1)).toThrow(TypeError);
    expect(() => Object.assign(c, { key: "value" })).toThrow(TypeError);
  });
});
