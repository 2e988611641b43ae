import type { Route as ProxyRoute } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { pathOf } from "./inherit-matcher.ts";
import { rankOf, sortRoutes, specificityClass } from "./sort-routes.ts";
import type { RoutePiece } from "./route-context.ts";

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

/** Tables in order, and how they came into it, which serves again while their paths stay as they are. */
export interface SortedTables {
  readonly pieces: readonly RoutePiece[];
  readonly runs: readonly Run[];
  /** Positions of the runs that each piece is made of; several: their routes are sorted together. */
  readonly order: readonly (readonly number[])[];
}

/**
 * The routes of several tables, sorted together as {@link sortRoutes} does. Tables whose paths don't mix, the most frequent case, keep
 * lists of their own, which stay the same while a table does: then only the tables are sorted, and no route is looked at.
 * @param last - what came of these tables before some of them were edited
 */
export function sortTables(tables: readonly (readonly RoutePiece[])[], last?: SortedTables): SortedTables {
  const runs = tables.flatMap(runsOf);
  const known = last !== undefined && samePlaces(last.runs, runs) ? last : undefined;
  const order = known?.order ?? orderOf(runs);
  const pieces = order.map((positions, at) => {
    const [only] = positions as readonly [number];
    if (positions.length === 1) return (runs[only] as Run).routes;
    if (known !== undefined && positions.every((position) => known.runs[position] === runs[position])) {
      return known.pieces[at] as RoutePiece;
    }
    return sortRoutes(positions.flatMap((position) => (runs[position] as Run).routes));
  });
  return { pieces, runs, order };
}

const samePlaces = (a: readonly Run[], b: readonly Run[]): boolean =>
  a.length === b.length &&
  a.every((run, at) => {
    const other = b[at] as Run;
    return run === other || (run.class === other.class && run.first === other.first && run.last === other.last);
  });

function orderOf(runs: readonly Run[]): readonly (readonly number[])[] {
  const sorted = runs
    .map((run, position) => ({ run, position }))
    .sort((a, b) => a.run.class - b.run.class || descending(a.run.first, b.run.first));
  const order: number[][] = [];
  for (let at = 0; at < sorted.length; ) {
    const { run: start, position } = sorted[at++] as (typeof sorted)[number];
    const mixed = [position];
    let { last } = start;
    for (let next = sorted[at]; next?.run.class === start.class && next.run.first >= last; next = sorted[++at]) {
      mixed.push(next.position);
      if (next.run.last < last) last = next.run.last;
    }
    // Of equal routes that of the earlier table comes first.
    order.push(mixed.sort((a, b) => a - b));
  }
  return order;
}

const descending = (a: string, b: string): number => (a === b ? 0 : a > b ? -1 : 1);

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
