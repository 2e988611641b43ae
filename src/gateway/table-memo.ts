import type { RouteTable } from "../../generated/proto/epoxy/gateway/v1/route_table.ts";
import type { Route as ProxyRoute } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { structuralEquals } from "../collections/index.ts";
import type { TranslationProblem } from "../resources/index.ts";
import type { Lookups } from "./lookups.ts";
import type { RouteContext } from "./route-context.ts";

/** A look-up and its answer. */
interface Answer {
  readonly ask: (lookups: Lookups) => unknown;
  readonly answer: unknown;
}

interface Remembered {
  readonly context: Pick<RouteContext, "owners" | "parent" | "name" | "named">;
  readonly answers: readonly Answer[];
  readonly problems: readonly TranslationProblem[];
  readonly pieces: readonly RoutePiece[];
}

/** Routes that stand one after the other. */
export type RoutePiece = readonly ProxyRoute[];

/*
 * A virtual service that delegates to hundreds of tables is translated anew when one of them changes. What the others contribute is
 * remembered, beside all that it depended on; it is then made of the same objects as before, which is how the translation for Envoy
 * finds what it has made of them.
 */
const remembered = new WeakMap<RouteTable, Remembered[]>();

/** A table that more places than these lead to, one after the other, is translated anew. */
const PLACES = 32;

/**
 * The routes of a table where `context` says, by `translate`, or those of the last time if nothing that they depend on has changed. The
 * same is looked up and reported either way.
 */
export function rememberRoutes(
  table: RouteTable,
  context: RouteContext,
  translate: (context: RouteContext) => readonly RoutePiece[],
): readonly RoutePiece[] {
  const places = remembered.get(table) ?? [];
  const known = places.find((it) => isSame(it, context));
  if (known !== undefined) {
    for (const problem of known.problems) context.report(problem);
    return known.pieces;
  }
  const answers: Answer[] = [];
  const problems: TranslationProblem[] = [];
  const pieces = translate({
    ...context,
    lookups: recording(context.lookups, answers),
    report(problem) {
      problems.push(problem);
      context.report(problem);
    },
  });
  const { owners, parent, name, named } = context;
  const others = places.filter((it) => it.context.name !== name).slice(1 - PLACES);
  remembered.set(table, [...others, { context: { owners, parent, name, named }, answers, problems, pieces }]);
  return pieces;
}

function isSame({ context, answers }: Remembered, now: RouteContext): boolean {
  const { owners, parent, name, named } = now;
  return (
    context.name === name &&
    structuralEquals(context, { owners, parent, name, named }) &&
    answers.every(({ ask, answer }) => sameObjects(ask(now.lookups), answer))
  );
}

/** Resources are never changed in place, so another object is another answer. */
function sameObjects(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function recording(lookups: Lookups, answers: Answer[]): Lookups {
  const note = <T>(ask: (lookups: Lookups) => T): T => {
    const answer = ask(lookups);
    answers.push({ ask, answer });
    return answer;
  };
  return {
    routeTable: (ref) => note((it) => it.routeTable(ref)),
    routeTables: (namespaces, selector) => note((it) => it.routeTables(namespaces, selector)),
    routeOption: (ref) => note((it) => it.routeOption(ref)),
    virtualHostOption: (ref) => note((it) => it.virtualHostOption(ref)),
  };
}
