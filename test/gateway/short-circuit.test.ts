import { describe, expect, it } from "vitest";
import type { Matcher } from "../../generated/proto/epoxy/gloo/matchers/v1/matchers.ts";
import { MatcherType } from "../../generated/sdk/gloo/matchers/v1.ts";
import { shortCircuits } from "../../src/gateway/index.ts";
import { fromJson, type JsonValue } from "../../src/resources/index.ts";

const matcher = (json: JsonValue): Matcher => fromJson(MatcherType, json);
/** What becomes of the second of two routes: what the first one takes it by, or `reached`. */
function second(first: JsonValue, later: JsonValue): string {
  const found = shortCircuits([{ matchers: [matcher(first)] }, { matchers: [matcher(later)] }]);
  return found[0]?.by ?? "reached";
}
const header = (value: string, more: Record<string, JsonValue> = {}) => ({ name: "x-team", value, ...more });

describe("a route behind another one", () => {
  it.each<[string, JsonValue, JsonValue]>([
    // Duplicates.
    ["duplicate", { prefix: "/" }, { prefix: "/" }],
    ["duplicate", {}, { prefix: "/" }],
    ["duplicate", { exact: "/a" }, { exact: "/a" }],
    ["duplicate", { regex: "/a[0-9]" }, { regex: "/a[0-9]" }],
    ["duplicate", { connectMatcher: {} }, { connectMatcher: {} }],
    ["duplicate", { prefix: "/", headers: [header("b")] }, { prefix: "/", headers: [header("b")] }],
    [
      "duplicate",
      { prefix: "/", headers: [header("b"), { name: "y" }] },
      { prefix: "/", headers: [{ name: "Y" }, header("b")] },
    ],
    ["duplicate", { prefix: "/", methods: ["GET", "PUT"] }, { prefix: "/", methods: ["PUT", "GET"] }],
    // What a prefix takes from others.
    ["prefix", { prefix: "/" }, { prefix: "/a" }],
    ["prefix", { prefix: "/a" }, { prefix: "/a/b" }],
    ["prefix", { prefix: "/a" }, { prefix: "/ab" }],
    ["prefix", { prefix: "/a" }, { exact: "/a" }],
    ["prefix", { prefix: "/a" }, { exact: "/a/b" }],
    ["prefix", { prefix: "/a" }, { regex: "/a/[0-9]+" }],
    ["reached", { prefix: "/a" }, { regex: "/a.*|/b.*" }],
    ["prefix", { prefix: "/" }, { regex: "/a|/b" }],
    ["reached", { prefix: "/ab" }, { regex: "/ab?.*" }],
    ["reached", { prefix: "/a/b" }, { prefix: "/a" }],
    ["reached", { prefix: "/a/" }, { exact: "/a" }],
    ["reached", { prefix: "/a" }, { prefix: "/b" }],
    ["reached", { prefix: "/" }, { connectMatcher: {} }],
    ["prefix", { prefix: "/A", caseSensitive: false }, { prefix: "/ab" }],
    ["reached", { prefix: "/A" }, { prefix: "/ab" }],
    ["reached", { prefix: "/a" }, { prefix: "/ab", caseSensitive: false }],
    ["prefix", { prefix: "/" }, { prefix: "/ab", caseSensitive: false }],
    // What an exact path takes from others.
    ["reached", { exact: "/a" }, { prefix: "/a" }],
    ["reached", { exact: "/a" }, { exact: "/A" }],
    ["exact", { exact: "/a", caseSensitive: false }, { exact: "/A" }],
    ["exact", { exact: "/a" }, { exact: "/a", methods: ["GET"] }],
    // What a regex takes from others.
    ["regex", { regex: "/a/.*" }, { exact: "/a/b" }],
    ["regex", { regex: "/a/.*" }, { prefix: "/a/b" }],
    ["regex", { regex: "/(a|b)/[0-9]+" }, { exact: "/b/17" }],
    ["prefix", { regex: ".*" }, { prefix: "/a" }],
    ["regex", { regex: "(?i)/A" }, { exact: "/a" }],
    ["reached", { regex: "/a" }, { exact: "/ab" }],
    ["reached", { regex: "/a/[0-9]+" }, { prefix: "/a/1" }],
    ["reached", { regex: "/a|/b.*" }, { prefix: "/a" }],
    ["reached", { regex: "/a\\.*" }, { prefix: "/a" }],
    ["reached", { regex: "/a[" }, { exact: "/a[" }],
    ["reached", { regex: "(x+x+)+y" }, { exact: `/${"x".repeat(200)}` }],
    // Methods tell requests apart.
    ["prefix", { prefix: "/" }, { prefix: "/a", methods: ["GET"] }],
    ["reached", { prefix: "/", methods: ["GET"] }, { prefix: "/a" }],
    ["reached", { prefix: "/", methods: ["GET"] }, { prefix: "/a", methods: ["GET", "PUT"] }],
    ["prefix", { prefix: "/", methods: ["GET", "PUT"] }, { prefix: "/a", methods: ["PUT"] }],
    ["reached", { prefix: "/", methods: ["GET"] }, { prefix: "/a", methods: ["PUT"] }],
    ["prefix", { prefix: "/", methods: ["GET"] }, { prefix: "/a", headers: [{ name: ":method", value: "GET" }] }],
    ["prefix", { prefix: "/", headers: [{ name: ":method", value: "GET" }] }, { prefix: "/a", methods: ["GET"] }],
    // Headers tell requests apart.
    ["prefix", { prefix: "/" }, { prefix: "/a", headers: [header("b")] }],
    ["reached", { prefix: "/", headers: [header("b")] }, { prefix: "/a" }],
    ["reached", { prefix: "/", headers: [header("b")] }, { prefix: "/a", headers: [header("c")] }],
    ["prefix", { prefix: "/", headers: [header("")] }, { prefix: "/a", headers: [header("c")] }],
    ["reached", { prefix: "/", headers: [header("c")] }, { prefix: "/a", headers: [header("")] }],
    ["prefix", { prefix: "/", headers: [header("b.*", { regex: true })] }, { prefix: "/a", headers: [header("bc")] }],
    ["reached", { prefix: "/", headers: [header("b.*", { regex: true })] }, { prefix: "/a", headers: [header("c")] }],
    ["prefix", { prefix: "/", headers: [header("b")] }, { prefix: "/a", headers: [header("b"), { name: "z" }] }],
    [
      "prefix",
      { prefix: "/", headers: [header("b", { invertMatch: true })] },
      { prefix: "/a", headers: [header("c")] },
    ],
    [
      "reached",
      { prefix: "/", headers: [header("b", { invertMatch: true })] },
      { prefix: "/a", headers: [header("b")] },
    ],
    ["reached", { prefix: "/", headers: [header("", { invertMatch: true })] }, { prefix: "/a" }],
    ["reached", { prefix: "/", headers: [header("b")] }, { prefix: "/a", headers: [{ name: "other", value: "b" }] }],
    // Query parameters, too.
    ["prefix", { prefix: "/" }, { prefix: "/a", queryParameters: [{ name: "q", value: "1" }] }],
    ["reached", { prefix: "/", queryParameters: [{ name: "q", value: "1" }] }, { prefix: "/a" }],
    [
      "prefix",
      { prefix: "/", queryParameters: [{ name: "q" }] },
      { prefix: "/a", queryParameters: [{ name: "q", value: "1" }] },
    ],
    [
      "reached",
      { prefix: "/", queryParameters: [{ name: "q", value: "1" }] },
      { prefix: "/a", queryParameters: [{ name: "q", value: "2" }] },
    ],
  ])("%s: %j, then %j", (expected, first, later) => {
    expect(second(first, later)).toBe(expected);
  });

  it("is named with the first one that takes its requests, and each of its matchers by itself", () => {
    const routes = [
      { matchers: [matcher({ exact: "/x" }), matcher({ prefix: "/a" })] },
      { matchers: [matcher({ prefix: "/" })] },
      { matchers: [matcher({ prefix: "/b" }), matcher({ exact: "/a/b" })] },
    ];
    expect(shortCircuits(routes)).toEqual([
      { route: 2, matcher: 0, byRoute: 1, byMatcher: 0, by: "prefix" },
      { route: 2, matcher: 1, byRoute: 0, byMatcher: 1, by: "prefix" },
    ]);
  });

  it("is found fast among thousands", () => {
    const routes = Array.from({ length: 20_000 }, (_, n) => ({ matchers: [matcher({ exact: `/path/${n}` })] }));
    const started = performance.now();
    expect(shortCircuits([...routes, { matchers: [matcher({ exact: "/path/7" })] }])).toHaveLength(1);
    // Comparing each with each would take 200 million comparisons.
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});
