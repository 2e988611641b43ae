import fc from "fast-check";
import { expect, it } from "vitest";
import { type Matcher, Matcher as MatcherMessage } from "../../generated/proto/epoxy/gloo/matchers/v1/matchers.ts";
import { Route } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { sortRoutes } from "../../src/gateway/sort-routes.ts";
import { sortTables } from "../../src/gateway/sort-tables.ts";

const matcher: fc.Arbitrary<Matcher> = fc
  .record({
    path: fc.oneof(
      fc.constantFrom("/", "/a", "/a/b", "/b", "/b/c").map((value) => ({ $case: "prefix", value }) as const),
      fc.constantFrom("/a", "/b").map((value) => ({ $case: "exact", value }) as const),
      fc.constantFrom("/a.*", "/c").map((value) => ({ $case: "regex", value }) as const),
      fc.constant({ $case: "connectMatcher", value: {} } as const),
      fc.constant(undefined),
    ),
    methods: fc.subarray(["GET", "POST", "PUT", "PATCH", "DELETE"]),
  })
  .map(({ path, methods }) => ({ ...MatcherMessage.fromPartial({ methods }), pathSpecifier: path }));
const route = fc.array(matcher, { maxLength: 2 }).map((matchers): Route => ({ ...Route.fromPartial({}), matchers }));
const table = fc.array(fc.array(route, { minLength: 1, maxLength: 3 }), { maxLength: 2 });

it("routes of several tables come in the order in which all of them sorted at once would", () => {
  fc.assert(
    fc.property(fc.array(table, { maxLength: 5 }), table, (tables, other) => {
      const names = new Map([...tables, other].flat(2).map((it, at) => [it, at]));
      const order = (routes: readonly Route[]) => routes.map((it) => names.get(it));
      const sorted = sortTables(tables);
      expect(order(sorted.pieces.flat())).toEqual(order(sortRoutes(tables.flat(2))));
      // Again, with what is remembered of the first time, and one table replaced.
      const edited = tables.length === 0 ? [other] : tables.with(0, other);
      expect(order(sortTables(edited, sorted).pieces.flat())).toEqual(order(sortRoutes(edited.flat(2))));
    }),
    { numRuns: 500 },
  );
});

it("tables whose paths don't mix keep their lists while another one changes", () => {
  const at = (value: string): Route => ({
    ...Route.fromPartial({}),
    matchers: [{ ...MatcherMessage.fromPartial({}), pathSpecifier: { $case: "prefix", value } }],
  });
  const [first, second, third] = [[[at("/a/1"), at("/a/2")]], [[at("/b/1")]], [[at("/c/1"), at("/c/2")]]];
  const sorted = sortTables([first, second, third]);
  const before = sorted.pieces;
  const after = sortTables([first, [[at("/b/2")]], third], sorted).pieces;
  expect(before).toHaveLength(3);
  expect([after[0], after[2]]).toEqual([before[0], before[2]]);
  expect(after[0]).toBe(before[0]);
  expect(after[2]).toBe(before[2]);
});
