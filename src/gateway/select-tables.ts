import type { Collection, Lookup } from "../collections/index.ts";
import { matchesSelector, refKey, type Selector } from "../resources/index.ts";
import type { TableSummary } from "./lookups.ts";

/** Route tables in these namespaces (with `*`: in all) that meet a selector, sorted by namespace, then name. */
export type SelectTables = (
  lookup: Lookup,
  namespaces: readonly string[],
  selector: Selector,
) => readonly TableSummary[];

/** No two labels have the same: either may have any character in it. */
const labelKey = (key: string, value: string): string => JSON.stringify([key, value]);

/**
 * Finds route tables by their labels. A selector that names a label with its value looks only at the tables that have it: any other table may
 * come, go or be labelled anew without a look-up being made again. What names none (no labels, `NotIn`, `Exists`) looks at all of its namespaces.
 */
export function tableSelection(tables: Collection<TableSummary>): SelectTables {
  const byNamespace = tables.index("by-namespace", ({ ref }) => [ref.namespace]);
  const byLabel = tables.index("by-label", ({ labels }) => Object.entries(labels).map((label) => labelKey(...label)));

  const candidates: SelectTables = (lookup, namespaces, selector) => {
    const named = namedLabels(selector);
    if (named !== undefined) return inOrder(named.map((label) => lookup.index(byLabel, label)));
    if (namespaces.includes("*")) return lookup.list(tables);
    return inOrder([...new Set(namespaces)].map((namespace) => lookup.index(byNamespace, namespace)));
  };
  return (lookup, namespaces, selector) => {
    const isIn = ({ ref }: TableSummary): boolean => namespaces.includes("*") || namespaces.includes(ref.namespace);
    return candidates(lookup, namespaces, selector).filter((it) => isIn(it) && matchesSelector(selector, it.labels));
  };
}

/** Labels of which each table that meets the selector has one; undefined where it names none. */
function namedLabels({ matchLabels = {}, expressions = [] }: Selector): readonly string[] | undefined {
  const [label] = Object.entries(matchLabels);
  if (label !== undefined) return [labelKey(...label)];
  const naming = expressions.find(({ operator }) => ["Equals", "DoubleEquals", "In"].includes(operator));
  return naming && [...new Set(naming.values)].map((value) => labelKey(naming.key, value));
}

/** Lists, each sorted already, as one; no table is in two of them. */
function inOrder(lists: readonly (readonly TableSummary[])[]): readonly TableSummary[] {
  const [only] = lists;
  if (only !== undefined && lists.length === 1) return only;
  const keyed = lists.flat().map((table) => ({ table, key: refKey(table.ref) }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ table }) => table);
}
