import type { RouteTable } from "../../generated/proto/epoxy/gateway/v1/route_table.ts";
import type { Route, VirtualService } from "../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import type { Collection, Graph, Lookup } from "../collections/index.ts";
import { matchesSelector, type Ref, refOf, type Selector } from "../resources/index.ts";
import { tableSelector } from "./delegate-tables.ts";
import { type SelectedTable, summarizeTable, type TableSelector } from "./lookups.ts";

/** The route tables that a selector selects, sorted by namespace, then name. Only a selector that a route delegates by selects any. */
export type SelectTables = (lookup: Lookup, selector: TableSelector) => readonly SelectedTable[];

export interface SelectionInputs {
  readonly virtualServices: Collection<VirtualService>;
  readonly routeTables: Collection<RouteTable>;
}

const ALL = "*";

/**
 * Which route tables are selected by what virtual services and route tables delegate by. It is kept the other way round: a table that changes
 * looks for the selectors that may see it. So it costs these and not the tables beside it, whatever the operators; and what delegates by a selector is
 * concerned only if a table enters or leaves its selection, or changes its weight in there. Equal selectors share one selection.
 */
export function tableSelection(graph: Graph, { virtualServices, routeTables }: SelectionInputs): SelectTables {
  const ofServices = graph.derive("gateway/selectors-of-virtual-services", virtualServices, (service) =>
    selectorKeys(service.virtualHost?.routes, refOf(service)),
  );
  const ofTables = graph.derive("gateway/selectors-of-route-tables", routeTables, (table) =>
    selectorKeys(table.routes, refOf(table)),
  );
  const byService = graph.groupBy("gateway/virtual-services-by-selector", ofServices, (keys) => keys);
  const byTable = graph.groupBy("gateway/route-tables-by-selector", ofTables, (keys) => keys);
  const selectors = graph.join("gateway/selectors", { byService, byTable }, (_users, key) => parseSelectorKey(key));
  const byReach = selectors.index("by-reach", reachOf);

  const summaries = graph.derive("gateway/route-table-summaries", routeTables, summarizeTable);
  const selections = graph.deriveMany("gateway/table-selections", summaries, ({ ref, labels, weight }, key, lookup) =>
    placesOf(ref.namespace, labels)
      .flatMap((place) => lookup.index(byReach, place))
      .filter(({ selector }) => matchesSelector(selector, labels))
      .map((by) => {
        const selectedBy = selectorKey(by);
        return [`${selectedBy} ${key}`, { selectedBy, table: { ref, weight } }] as const;
      }),
  );
  const bySelector = selections.index("by-selector", ({ selectedBy }) => [selectedBy]);
  return (lookup, selector) => lookup.index(bySelector, selectorKey(selector)).map(({ table }) => table);
}

/** Keys of all selectors that the routes of `owner` delegate by; undefined where there are none. */
function selectorKeys(routes: readonly Route[] | undefined, owner: Ref): readonly string[] | undefined {
  const keys = new Set<string>();
  for (const { action } of routes ?? []) {
    if (action?.$case !== "delegateAction" || action.value.delegationType?.$case !== "selector") continue;
    const selector = tableSelector(action.value.delegationType.value, owner);
    if (selector !== undefined) keys.add(selectorKey(selector));
  }
  return keys.size === 0 ? undefined : [...keys].sort();
}

/** The same for selectors that say the same, and all that they say. */
function selectorKey({ namespaces, selector }: TableSelector): string {
  const { matchLabels = {}, expressions = [] } = selector;
  return JSON.stringify([
    namespaces.includes(ALL) ? [ALL] : [...new Set(namespaces)].sort(),
    Object.entries(matchLabels).sort(([a], [b]) => (a < b ? -1 : 1)),
    expressions.map(({ key, operator, values }) => [key, operator, values]),
  ]);
}

function parseSelectorKey(text: string): TableSelector {
  const [namespaces, labels, expressions] = JSON.parse(text) as [
    string[],
    [string, string][],
    [string, never, string[]][],
  ];
  return {
    namespaces,
    selector: {
      matchLabels: Object.fromEntries(labels),
      expressions: expressions.map(([key, operator, values]) => ({ key, operator, values })),
    },
  };
}

/** Where a selector has to be looked for: a namespace, or all, and a label that each selected table has, if it names one. No two are the same text. */
const place = (namespace: string, ...label: readonly string[]): string => JSON.stringify([namespace, ...label]);

/** The places at which a selector is found; each table that it selects is at exactly one of them. */
function reachOf({ namespaces, selector }: TableSelector): readonly string[] {
  const labels = namedLabels(selector);
  return namespaces.flatMap((namespace) =>
    labels === undefined ? [place(namespace)] : labels.map((label) => place(namespace, ...label)),
  );
}

/** All places at which a table with these labels is found. */
function placesOf(own: string, labels: Readonly<Record<string, string>>): readonly string[] {
  return [own, ALL].flatMap((namespace) => [
    place(namespace),
    ...Object.entries(labels).map((label) => place(namespace, ...label)),
  ]);
}

/** Labels of which each table that meets the selector has exactly one; undefined where it names none. */
function namedLabels({
  matchLabels = {},
  expressions = [],
}: Selector): readonly (readonly [string, string])[] | undefined {
  const [label] = Object.entries(matchLabels);
  if (label !== undefined) return [label];
  const naming = expressions.find(({ operator }) => ["Equals", "DoubleEquals", "In"].includes(operator));
  return naming && [...new Set(naming.values)].map((value) => [naming.key, value]);
}
