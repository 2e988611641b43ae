import type { DelegateAction, Route } from "../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import type { Matcher } from "../../generated/proto/epoxy/gloo/matchers/v1/matchers.ts";
import type { Route as ProxyRoute } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { RouteOptions } from "../../generated/proto/epoxy/gloo/v1/route_options.ts";
import { type ProblemSource, type Ref, refKey, refText } from "../resources/index.ts";
import { defaultNamespaces } from "./default-namespaces.ts";
import { delegateTables } from "./delegate-tables.ts";
import { emptyMatcher, type Inheritance, inheritMatcher, violation } from "./inherit-matcher.ts";
import { GROUP, groupsOf, keepPart } from "./keep-part.ts";
import type { SelectedTable } from "./lookups.ts";
import { mergeOptions } from "./merge-options.ts";
import {
  closedRoute,
  currentOwner,
  type RouteContext,
  type RoutePiece,
  reportRoute,
  sourcesOf,
} from "./route-context.ts";
import { type SortedTables, sortTables } from "./sort-tables.ts";

/** Longest chain of tables; longer ones are refused rather than let a generated mess exhaust memory. */
const MAX_DEPTH = 50;

/**
 * The routes of a virtual service or route table, with all delegation resolved, in order: in pieces, of which those that come from a table are
 * the same lists as the last time while nothing that they depend on has changed.
 */
export function translateRoutes(routes: readonly Route[], context: RouteContext, path: string): readonly RoutePiece[] {
  if (routes.length <= GROUP) return translateGroup(routes, 0, context, path);
  const pieces: RoutePiece[] = [];
  for (const [start, group] of groupsOf(routes)) {
    const translated = keepPart(start, [group, path], context, (it) => translateGroup(group, start, it, path));
    for (const piece of translated) pieces.push(piece);
  }
  return pieces;
}

function translateGroup(
  routes: readonly Route[],
  start: number,
  context: RouteContext,
  path: string,
): readonly RoutePiece[] {
  const pieces: RoutePiece[] = [];
  let own: ProxyRoute[] = [];
  for (const [at, route] of routes.entries()) {
    const index = start + at;
    const translated =
      route.action?.$case === "delegateAction"
        ? keepPart(index, [route, path], context, (it) => translateRoute(route, index, it, `${path}[${index}]`))
        : translateRoute(route, index, context, `${path}[${index}]`);
    if (!("pieces" in translated)) {
      own.push(...translated);
      continue;
    }
    if (own.length > 0) pieces.push(own);
    own = [];
    for (const piece of translated.pieces) pieces.push(piece);
  }
  if (own.length > 0) pieces.push(own);
  return pieces;
}

/** What came of a route: itself, or all that it delegates to. */
type Translated = readonly ProxyRoute[] | { readonly pieces: readonly RoutePiece[] };

function translateRoute(route: Route, index: number, context: RouteContext, path: string): Translated {
  const inheritance: Inheritance = {
    matchers: route.inheritableMatchers ?? context.parent?.inheritance.matchers ?? false,
    path: route.inheritablePathMatchers ?? context.parent?.inheritance.path ?? false,
  };
  const matchers = ownMatchers(route, inheritance, context, path);
  // All matchers reach beyond what was delegated: the table has no say there, so the route is none.
  if (matchers.length === 0) return [];

  const options = effectiveOptions(route, context, path);
  if (options === "unresolved") return [closedRoute(context, matchers, 500, "invalid route options", path)];

  const named = context.named || route.name !== "";
  const name = `${context.name}_route:${route.name === "" ? `<unnamed-${index}>` : route.name}`;
  const action = route.action;
  if (action?.$case === "delegateAction") {
    return delegate(action.value, route, { matchers, options, inheritance, name, named }, context, path);
  }
  if (action === undefined) {
    const fault =
      "invalid route: it has no action: add routeAction, redirectAction, directResponseAction or delegateAction";
    reportRoute(context, "error", fault, path);
    return [closedRoute(context, matchers, 500, "invalid route", path)];
  }
  return [
    {
      matchers,
      action: defaultNamespaces(action, currentOwner(context).namespace),
      options,
      opaqueMetadata: sourcesOf(context, path),
      name: named ? name : "",
    },
  ];
}

/** The route's matchers with what they inherit; those that reach beyond the delegating route are left out, with a warning. */
function ownMatchers(route: Route, inheritance: Inheritance, context: RouteContext, path: string): readonly Matcher[] {
  const matchers = route.matchers.length === 0 ? [emptyMatcher] : route.matchers;
  const parent = context.parent;
  if (parent === undefined) return matchers;
  return matchers
    .map((matcher) => inheritMatcher(matcher, parent.matcher, inheritance))
    .filter((matcher) => {
      const reason = violation(matcher, parent.matcher);
      if (reason === undefined) return true;
      const text = `invalid route: the matchers must be within those of the route that delegates to it: ${reason}`;
      reportRoute(context, "warning", text, `${path}.matchers`);
      return false;
    });
}

/** Inline options first, then those by reference in their order, then the delegating route's. */
function effectiveOptions(route: Route, context: RouteContext, path: string): RouteOptions | undefined | "unresolved" {
  let options = route.options;
  for (const ref of route.externalOptionsConfig?.value.delegateOptions ?? []) {
    const target = {
      name: ref.name,
      namespace: ref.namespace === "" ? currentOwner(context).namespace : ref.namespace,
    };
    const found = context.lookups.routeOption(target);
    if (found === undefined) {
      // What is missing may have restricted access, so the route is closed rather than served without it.
      reportRoute(context, "error", `RouteOption ${refText(target)} not found`, `${path}.optionsConfigRefs`);
      return "unresolved";
    }
    options = mergeOptions(options, found.options);
  }
  return mergeOptions(options, context.parent?.options);
}

interface DelegatedRoute {
  readonly matchers: readonly Matcher[];
  readonly options: RouteOptions | undefined;
  readonly inheritance: Inheritance;
  readonly name: string;
  readonly named: boolean;
}

function delegate(
  action: DelegateAction,
  route: Route,
  delegated: DelegatedRoute,
  context: RouteContext,
  path: string,
): Translated {
  const { matchers } = delegated;
  const close = (severity: "error" | "warning", problem: string): readonly ProxyRoute[] => {
    reportRoute(context, severity, problem, path);
    const status = severity === "error" ? 500 : 503;
    return [closedRoute(context, matchers, status, problem.split(":")[0] as string, path)];
  };
  const matcher = matchers[0] as Matcher;
  if (route.matchers.length > 1 || (matcher.pathSpecifier?.$case ?? "prefix") !== "prefix") {
    return close("error", "invalid route: routes with delegate actions must use a prefix matcher");
  }
  const owner = currentOwner(context);
  // Of a selector the list is put in order again only if what is selected has changed.
  const found = context.lookups.part("tables", [action, owner], () => delegateTables(action, owner, context.lookups));
  if ("problem" in found) return close(found.severity, found.problem);

  const [only] = found.tables as readonly [SelectedTable];
  const results =
    found.tables.length === 1
      ? [tableRoutes(only.ref, matcher, delegated, context, path)]
      : manyTables(found.tables, matcher, delegated, context, path);
  const cycle = results.indexOf("cycle");
  if (cycle >= 0) {
    const { ref } = found.tables[cycle] as SelectedTable;
    const way = [...context.owners.map((holder) => refText(holder.ref)), refText(ref)].join(" -> ");
    return close("error", `invalid route: delegation cycle: ${way}`);
  }
  return { pieces: inOrder(found.tables, results as readonly (readonly RoutePiece[])[], context) };
}

/** What the tables of a selector are to be translated by is the same for all of them. */
function manyTables(
  tables: readonly SelectedTable[],
  matcher: Matcher,
  delegated: DelegatedRoute,
  context: RouteContext,
  path: string,
): readonly TableRoutes[] {
  const results: TableRoutes[] = [];
  for (const [start, group] of groupsOf(tables)) {
    const translated = keepPart(start, [group, matcher, delegated, path], context, (inGroup) =>
      group.map(({ ref }) =>
        keepPart(refKey(ref), [ref, matcher, delegated, path], inGroup, (it) =>
          tableRoutes(ref, matcher, delegated, it, path),
        ),
      ),
    );
    for (const result of translated) results.push(result);
  }
  return results;
}

/** Tables come by weight; where several share one, their routes are sorted together. */
function inOrder(
  tables: readonly SelectedTable[],
  routes: readonly (readonly RoutePiece[])[],
  context: RouteContext,
): readonly RoutePiece[] {
  const pieces: RoutePiece[] = [];
  for (let start = 0; start < tables.length; ) {
    const { weight } = tables[start] as SelectedTable;
    let end = start + 1;
    while (tables[end]?.weight === weight) end++;
    const group = routes.slice(start, end);
    start = end;
    const sorted =
      group.length === 1
        ? (group[0] as readonly RoutePiece[])
        : context.lookups.part(`weight ${weight}`, [group], (last: SortedTables | undefined) => sortTables(group, last))
            .pieces;
    for (const piece of sorted) pieces.push(piece);
  }
  return pieces;
}

type TableRoutes = readonly RoutePiece[] | "cycle";

function tableRoutes(
  ref: Ref,
  matcher: Matcher,
  delegated: DelegatedRoute,
  context: RouteContext,
  path: string,
): TableRoutes {
  const holder = context.owners.at(-1) as ProblemSource;
  const seen = context.owners.some(({ kind, ref: owner }) => kind === "RouteTable" && refKey(owner) === refKey(ref));
  if (seen || context.owners.length > MAX_DEPTH) return "cycle";
  const inside: RouteContext = {
    ...context,
    owners: [...context.owners.with(-1, { ...holder, path }), { kind: "RouteTable", ref }],
    parent: { matcher, inheritance: delegated.inheritance, options: delegated.options },
    name: `${delegated.name}_rt:${ref.namespace}_${ref.name}`,
    named: delegated.named,
  };
  return translateRoutes(context.lookups.routeTable(ref)?.routes ?? [], inside, "routes");
}
