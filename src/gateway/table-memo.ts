import type { RouteTable } from "../../generated/proto/epoxy/gateway/v1/route_table.ts";
import type { Route as ProxyRoute } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { Route } from "../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import { structuralEquals } from "../collections/index.ts";
import type { ProblemSource, TranslationProblem } from "../resources/index.ts";
import type { Lookups } from "./lookups.ts";
import type { RouteContext } from "./route-context.ts";

/** A look-up and its answer. */
interface Answer {
  readonly ask: (lookups: Lookups) => unknown;
  readonly answer: unknown;
}

interface Remembered<T> {
  readonly context: Pick<RouteContext, "owners" | "parent" | "name" | "named">;
  readonly answers: readonly Answer[];
  readonly problems: readonly TranslationProblem[];
  readonly result: T;
}

/** Routes that stand one after the other. */
export type RoutePiece = readonly ProxyRoute[];

/*
 * A virtual service that delegates to hundreds of tables is translated anew when one of them changes. What the others contribute is
 * remembered, beside all that it depended on; it is then made of the same objects as before, which is how the translation for Envoy
 * finds what it has made of them.
 */
const ofTables = new WeakMap<RouteTable, Remembered<readonly RoutePiece[]>[]>();
const ofRoutes = new WeakMap<Route, (Remembered<unknown> & { readonly path: string; readonly index: number })[]>();

/** What more places than these lead to, one after the other, is translated anew. */
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
  const places = ofTables.get(table) ?? [];
  const known = places.find((it) => isSame(it, context));
  if (known !== undefined) return again(known, context);
  const fresh = record(context, translate);
  const others = places.filter((it) => it.context.name !== context.name).slice(1 - PLACES);
  ofTables.set(table, [...others, fresh]);
  return fresh.result;
}

/**
 * The same for all that a route delegates to, by the route itself: while the resource that holds it stays as it is, its tables need only be
 * looked up.
 * @param path - of the list that the route is in, and its position there
 */
export function rememberDelegation<T>(
  route: Route,
  [path, index]: readonly [string, number],
  context: RouteContext,
  translate: (context: RouteContext) => T,
): T {
  const places = ofRoutes.get(route) ?? [];
  for (const known of places) {
    if (known.index === index && known.path === path && isSame(known, context)) return again(known, context) as T;
  }
  const fresh = record(context, translate);
  const others = places.filter((it) => it.context.name !== context.name).slice(1 - PLACES);
  ofRoutes.set(route, [...others, { ...fresh, path, index }]);
  return fresh.result;
}

function again<T>({ problems, result }: Remembered<T>, context: RouteContext): T {
  for (const problem of problems) context.report(problem);
  return result;
}

/** Translates, and notes what that looks up and reports. */
function record<T>(context: RouteContext, translate: (context: RouteContext) => T): Remembered<T> {
  const answers: Answer[] = [];
  const problems: TranslationProblem[] = [];
  const result = translate({
    ...context,
    lookups: recording(context.lookups, answers),
    report(problem) {
      problems.push(problem);
      context.report(problem);
    },
  });
  const { owners, parent, name, named } = context;
  return { context: { owners, parent, name, named }, answers, problems, result };
}

function isSame({ context, answers }: Remembered<unknown>, now: RouteContext): boolean {
  return (
    context.name === now.name &&
    context.named === now.named &&
    sameOwners(context.owners, now.owners) &&
    (context.parent === now.parent || structuralEquals(context.parent, now.parent)) &&
    answers.every(({ ask, answer }) => sameObjects(ask(now.lookups), answer))
  );
}

function sameOwners(a: readonly ProblemSource[], b: readonly ProblemSource[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((owner, at) => {
    const other = b[at] as ProblemSource;
    if (owner === other) return true;
    const { kind, ref, path } = owner;
    const { name, namespace } = other.ref;
    return kind === other.kind && ref.name === name && ref.namespace === namespace && path === other.path;
  });
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
