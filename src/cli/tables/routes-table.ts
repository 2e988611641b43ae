import type { Route } from "../../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import type { Matcher } from "../../../generated/proto/epoxy/gloo/matchers/v1/matchers.ts";
import { pathText } from "./route-text.ts";
import { renderTable } from "./table.ts";

interface Group {
  readonly title: string;
  /** What ACTION says of such a route. */
  readonly action: string;
  /** Headers of the columns for what is special to the action. */
  readonly headers: readonly string[];
  cells(route: Route): readonly string[];
}

const nothing = (): readonly string[] => ["", ""];
const custom = ["CUSTOM1", "CUSTOM2"];

const groups: readonly (Group & { readonly action$case: NonNullable<Route["action"]>["$case"] | undefined })[] = [
  { action$case: "routeAction", title: "Route Action", action: "route action", headers: custom, cells: nothing },
  {
    action$case: "redirectAction",
    title: "Redirect Action",
    action: "redirect action",
    headers: custom,
    cells: nothing,
  },
  {
    action$case: "directResponseAction",
    title: "Direct Action",
    action: "direct response action",
    headers: ["BODY", "RESPONSE"],
    cells: ({ action }) =>
      action?.$case === "directResponseAction" ? [action.value.body, String(action.value.status)] : nothing(),
  },
  { action$case: "delegateAction", title: "Delegate Action", action: "delegate action", headers: [], cells: () => [] },
  { action$case: undefined, title: "Empty Action", action: "unknown", headers: [], cells: () => [] },
];

/** Routes in one table for each kind of action. ID is the place among all routes, from 1. */
export function routeTables(routes: readonly Route[]): string {
  const numbered = routes.map((route, index) => ({ route, id: String(index + 1) }));
  return groups
    .map((group) => {
      const own = numbered.filter(({ route }) => route.action?.$case === group.action$case);
      if (own.length === 0) return "";
      const headers = ["ID", "NAME", "MATCHERS", "TYPES", "VERBS", "HEADERS", "ACTION", ...group.headers];
      const rows = own.map(({ route, id }) => [
        id,
        route.name,
        ...matcherCells(route),
        group.action,
        ...group.cells(route),
      ]);
      return `${group.title}\n${renderTable({ headers, rows })}`;
    })
    .join("");
}

const types = { exact: "Exact Path", prefix: "Path Prefix", regex: "Regex Path", connectMatcher: "Connect" } as const;

function matcherCells({ matchers }: Route): readonly string[] {
  const join = (text: (matcher: Matcher) => string): string => matchers.map(text).join("\n");
  return [
    join(pathText),
    join(({ pathSpecifier }) => (pathSpecifier === undefined ? "Unknown" : types[pathSpecifier.$case])),
    join(({ methods }) => (methods.length === 0 ? "*" : methods.join(" "))),
    join(({ headers }) => headers.map(({ name, value }) => `${name}:${value}; `).join("")),
  ];
}
