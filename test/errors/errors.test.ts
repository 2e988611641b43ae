import { describe, expect, it } from "vitest";
import {
  combineErrors,
  EpoxyError,
  errorCode,
  formatLocation,
  isConflict,
  isNotFound,
  locatedError,
  problemsOf,
} from "../../src/errors/index.ts";

const notFound = new EpoxyError("not_found", "gone");
const conflict = new EpoxyError("conflict", "changed");

describe("the guards", () => {
  it("see through wrapping", () => {
    expect(isNotFound(new Error("outer", { cause: new TypeError("inner", { cause: notFound }) }))).toBe(true);
  });

  it("take the outermost code where several are nested", () => {
    expect(errorCode(new EpoxyError("unavailable", "outer", { cause: notFound }))).toBe("unavailable");
  });

  it("see through AggregateError when all its errors agree, and only then", () => {
    expect(isNotFound(new AggregateError([notFound, new Error("x", { cause: notFound })]))).toBe(true);
    expect(isNotFound(new Error("outer", { cause: new AggregateError([notFound]) }))).toBe(true);
    expect(errorCode(new AggregateError([notFound, conflict]))).toBeUndefined();
    expect(errorCode(new AggregateError([notFound, new Error("other")]))).toBeUndefined();
    expect(errorCode(new AggregateError([]))).toBeUndefined();
  });

  it("know an error of another copy of the package", () => {
    expect(isConflict(Object.assign(new Error("x"), { name: "EpoxyError", code: "conflict" }))).toBe(true);
  });

  it("survive circular causes and values that are no errors", () => {
    const circular = new Error("a");
    circular.cause = circular;
    expect(errorCode(circular)).toBeUndefined();
    expect(problemsOf(circular)).toEqual([]);
    for (const value of [undefined, null, "not_found", 7, {}]) expect(errorCode(value)).toBeUndefined();
  });
});

describe("locatedError", () => {
  it("puts place and path before the message", () => {
    const error = locatedError("invalid", "expected a list", { source: "a.yaml", line: 3, column: 5, path: "x.y" });
    expect(error.message).toBe("a.yaml:3:5: x.y: expected a list");
    expect(error.location?.line).toBe(3);
  });

  it("formats what is known of a place", () => {
    expect(formatLocation({ source: "a" })).toBe("a");
    expect(formatLocation({ source: "a", line: 2 })).toBe("a:2");
  });
});

describe("combineErrors", () => {
  it("returns a single error as it is", () => {
    expect(combineErrors([notFound])).toBe(notFound);
  });

  it("tells the first and counts the others, and problemsOf gives all of them back", () => {
    const combined = combineErrors([conflict, notFound, notFound]);
    expect(combined.message).toBe("changed (and 2 more problems)");
    expect(combined.code).toBe("conflict");
    expect(problemsOf(new Error("wrapped", { cause: combined }))).toEqual([conflict, notFound, notFound]);
  });
});
