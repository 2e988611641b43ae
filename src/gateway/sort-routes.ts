import type { Matcher } from "../../generated/proto/epoxy/gloo/matchers/v1/matchers.ts";
import { emptyMatcher, pathOf } from "./inherit-matcher.ts";

const pathRank = { exact: 0, regex: 1, prefix: 2, connectMatcher: 3 } as const;

/**
 * Orders matchers as Gloo does, most specific first: more methods, then exact before regex before prefix, then the
 * lexicographically greater path (so the longer of two with the same start).
 */
export function compareMatchers(a: Matcher, b: Matcher): number {
  const rank = specificityClass(a) - specificityClass(b);
  if (rank !== 0) return rank;
  const [left, right] = [pathOf(a), pathOf(b)];
  return left === right ? 0 : left > right ? -1 : 1;
}

/** Matchers of which one has the smaller class come in this order, whatever their paths are. */
export const specificityClass = ({ methods, pathSpecifier }: Matcher): number =>
  pathRank[pathSpecifier?.$case ?? "prefix"] - methods.length * CLASSES;

const CLASSES = 4;

/** The most specific matcher of a route. */
export const rankOf = (route: { readonly matchers: readonly Matcher[] }): Matcher =>
  route.matchers.reduce<Matcher | undefined>(
    (best, matcher) => (best === undefined || compareMatchers(matcher, best) < 0 ? matcher : best),
    undefined,
  ) ?? emptyMatcher;

/** Routes by their most specific matcher; stable, and the input is left as it is. */
export function sortRoutes<T extends { readonly matchers: readonly Matcher[] }>(routes: readonly T[]): T[] {
  return routes
    .map((route) => ({ route, rank: rankOf(route) }))
    .sort((a, b) => compareMatchers(a.rank, b.rank))
    .map(({ route }) => route);
}
