import { describe, expect, it } from "vitest";
import { formatSelector, matchesSelector, parseSelector } from "../../src/resources/index.ts";

const labels = { app: "petstore", tier: "2", empty: "", "example.com/x": "y" };

describe("selectors", () => {
  it.each([
    ["", true],
    ["app=petstore", true],
    ["app == petstore", true],
    ["app!=petstore", false],
    ["none!=petstore", true],
    ["app in (a, petstore)", true],
    ["app in (a,b)", false],
    ["none in (a)", false],
    ["app notin (a,b)", true],
    ["none notin (a)", true],
    ["app notin (petstore)", false],
    ["app", true],
    ["none", false],
    ["!none", true],
    ["! app", false],
    ["tier>1", true],
    ["tier>2", false],
    ["tier<10", true],
    ["app>1", false],
    ["empty=", true],
    ["empty in ()", true],
    ["app=,tier=2", false],
    ["example.com/x=y", true],
    ["app=petstore,tier in (1,2),!none", true],
    ["app=petstore,tier notin (1,2)", false],
    ["in in (a)", false],
    ["toString", false],
  ])("%j on the labels is %s", (text, expected) => {
    const selector = parseSelector(text);
    expect(matchesSelector(selector, labels)).toBe(expected);
    expect(matchesSelector(parseSelector(formatSelector(selector)), labels)).toBe(expected);
  });

  it("wants all of matchLabels and expressions", () => {
    const expressions = [{ key: "tier", operator: "Exists", values: [] }] as const;
    expect(matchesSelector({ matchLabels: { app: "petstore" }, expressions }, labels)).toBe(true);
    expect(matchesSelector({ matchLabels: { app: "other" }, expressions }, labels)).toBe(false);
    expect(matchesSelector({ matchLabels: { app: "petstore" }, expressions }, { app: "petstore" })).toBe(false);
  });

  it("lets everything through when there is no selector, and nothing with labels when there are none", () => {
    expect(matchesSelector(undefined, undefined)).toBe(true);
    expect(matchesSelector({ matchLabels: { a: "b" } }, undefined)).toBe(false);
  });

  it.each([
    ["a=b,", 5, "expected a label's key"],
    ["a in b", 6, 'expected "("'],
    ["a in (b", 8, 'expected ")"'],
    ["a b", 3, 'expected one of = == != in notin < > or a comma after "a"'],
    ["a>x", 4, '">" compares whole numbers, found "x"'],
    ["-a", 1, "\"-a\" can't be a label's key"],
    ["a/b/c", 1, "\"a/b/c\" can't be a label's key"],
    ["a=b/c", 3, "\"b/c\" can't be a label's value"],
  ])("refuses %j at column %i", (text, column, message) => {
    const expected = { code: "invalid", message: expect.stringContaining(`column ${column}: ${message}`) };
    expect(() => parseSelector(text)).toThrow(expect.objectContaining(expected));
  });
});
