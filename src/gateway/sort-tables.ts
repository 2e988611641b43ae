import type { Route as ProxyRoute } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { pathOf } from "./inherit-matcher.ts";
import { rankOf, sortRoutes, specificityClass } from "./sort-routes.ts";
import type { RoutePiece } from "./table-memo.ts";

/** Routes of one table that only their paths tell apart in order. */
interface Run {
  /** Which runs come first, whatever their paths are. */
  readonly class: number;
  /** Paths, the greatest first. */
  readonly first: string;
  readonly last: string;
  readonly routes: RoutePiece;
}

/** By the pieces of a table. */
const runsOfTables = new WeakMap<readonly RoutePiece[], readonly Run[]>();

/** By the first of the lists that were merged. */
const merged = new WeakMap<RoutePiece, { readonly lists: readonly RoutePiece[]; readonly routes: RoutePiece }>();

/**
 * The routes of several tables, sorted together as {@link sortRoutes} does. Tables whose paths don't mix, the most frequent case, keep
 * lists of their own, which stay the same while a table does: then only the tables are sorted, and no route is looked at.
 */
export function sortTables(tables: readonly (readonly RoutePiece[])[]): readonly RoutePiece[] {
  const runs = tables.flatMap(runsOf);
  const order = new Map(runs.map((run, at) => [run, at]));
  const sorted = runs.toSorted((a, b) => a.class - b.class || descending(a.first, b.first));
  const result: RoutePiece[] = [];
  for (let at = 0; at < sorted.length; ) {
    const start = sorted[at++] as Run;
    const mixed = [start];
    let { last } = start;
    for (let next = sorted[at]; next?.class === start.class && next.first >= last; next = sorted[++at]) {
      mixed.push(next);
      if (next.last < last) last = next.last;
    }
    result.push(mixed.length === 1 ? start.routes : merge(mixed, order));
  }
  return result;
}

const descending = (a: string, b: string): number => (a === b ? 0 : a > b ? -1 : 1);

/** Of equal routes that of the earlier table comes first. */
function merge(runs: readonly Run[], order: ReadonlyMap<Run, number>): RoutePiece {
  const position = (run: Run): number => order.get(run) ?? 0;
  const lists = runs.toSorted((a, b) => position(a) - position(b)).map(({ routes }) => routes);
  const key = lists[0] as RoutePiece;
  const known = merged.get(key);
  if (known?.lists.length === lists.length && known.lists.every((list, at) => list === lists[at])) return known.routes;
  const routes = sortRoutes(lists.flat());
  merged.set(key, { lists, routes });
  return routes;
}

function runsOf(pieces: readonly RoutePiece[]): readonly Run[] {
  const known = runsOfTables.get(pieces);
  if (known !== undefined) return known;
  const runs: Run[] = [];
  let own: ProxyRoute[] = [];
  const sorted = sortRoutes(pieces.flat()).map((route) => ({ route, rank: rankOf(route) }));
  for (const [at, { route, rank }] of sorted.entries()) {
    own.push(route);
    const next = sorted[at + 1];
    const ownClass = specificityClass(rank);
    if (next !== undefined && specificityClass(next.rank) === ownClass) continue;
    const first = pathOf(rankOf(own[0] as ProxyRoute));
    runs.push({ class: ownClass, first, last: pathOf(rank), routes: own });
    own = [];
  }
  runsOfTables.set(pieces, runs);
  return runs;
}
