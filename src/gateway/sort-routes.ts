import type { Matcher } from "../../generated/proto/epoxy/gloo/matchers/v1/matchers.ts";
import { emptyMatcher, pathOf } from "./inherit-matcher.ts";

const pathRank = { exact: 0, regex: 1, prefix: 2, connectMatcher: 3 } as const;

/**
 * Orders matchers as Gloo does, most specific first: more methods, then exact before regex before prefix, then the
 * lexicographically greater path (so the longer of two with the same start).
 */
export function compareMatchers(a: Matcher, b: Matcher): number {
  if (a.methods.length !== b.methods.length) return b.methods.length - a.methods.length;
  const rank = pathRank[a.pathSpecifier?.$case ?? "prefix"] - pathRank[b.pathSpecifier?.$case ?? "prefix"];
  if (rank !== 0) return rank;
  const [left, right] = [pathOf(a), pathOf(b)];
  return left === right ? 0 : left > right ? -1 : 1;
}

/** Routes by their most specific matcher; stable, and the input is left as it is. */
export function sortRoutes<T extends { readonly matchers: readonly Matcher[] }>(routes: readonly T[]): T[] {
  const rankOf = (route: T): Matcher =>
    route.matchers.reduce<Matcher | undefined>(
      (best, matcher) => (best === undefined || compareMatchers(matcher, best) < 0 ? matcher : best),
      undefined,
    ) ?? emptyMatcher;
  return routes
    .map((route) => ({ route, rank: rankOf(route) }))
    .sort((a, b) => compareMatchers(a.rank, b.rank))
    .map(({ route }) => route);
}
