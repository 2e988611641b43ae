import {
  type DelegateAction,
  type RouteTableSelector,
  RouteTableSelector_Expression_Operator,
} from "../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import { type Ref, refText, type Selector, type SelectorExpression } from "../resources/index.ts";
import { type Lookups, type SelectedTable, summarizeTable, type TableSelector } from "./lookups.ts";

export type DelegateTables =
  | { readonly tables: readonly SelectedTable[] }
  | { readonly severity: "error" | "warning"; readonly problem: string };

const operatorNames = Object.fromEntries(
  Object.entries(RouteTableSelector_Expression_Operator).map(([name, number]) => [number, name]),
) as Readonly<Record<number, string>>;

/** Turns the operators of Gloo's messages, which are numbers, into a selector. */
export function toSelector(
  labels: Readonly<Record<string, string>>,
  expressions: readonly { readonly key: string; readonly operator: number; readonly values: readonly string[] }[],
): Selector {
  return {
    matchLabels: labels,
    expressions: expressions.map(({ key, operator, values }) => ({
      key,
      operator: (operatorNames[operator] ?? "In") as SelectorExpression["operator"],
      values,
    })),
  };
}

/** What a selector means in a route of `owner`; undefined if it can't be told, since it has both labels and expressions. */
export function tableSelector(selector: RouteTableSelector, owner: Ref): TableSelector | undefined {
  if (Object.keys(selector.labels).length > 0 && selector.expressions.length > 0) return undefined;
  return {
    namespaces: selector.namespaces.length === 0 ? [owner.namespace] : selector.namespaces,
    selector: toSelector(selector.labels, selector.expressions),
  };
}

function selectTables(selector: RouteTableSelector, owner: Ref, lookups: Lookups): DelegateTables {
  const meant = tableSelector(selector, owner);
  if (meant === undefined) {
    return { severity: "error", problem: "cannot use both labels and expressions within the same selector" };
  }
  const tables = lookups.selectedTables(meant);
  return tables.length === 0
    ? { severity: "warning", problem: "no route table matches the given selector" }
    : { tables };
}

/**
 * The route tables that a delegate action leads to, or what is wrong with it. Tables come by weight, ascending (absent: 0);
 * those of one weight by namespace and name.
 */
export function delegateTables(action: DelegateAction, owner: Ref, lookups: Lookups): DelegateTables {
  const type = action.delegationType;
  if (type?.$case === "selector") {
    const selected = selectTables(type.value, owner, lookups);
    if ("problem" in selected) return selected;
    return { tables: selected.tables.toSorted((a, b) => a.weight - b.weight) };
  }
  // The deprecated flat form has the same two fields.
  const target = type?.value ?? action;
  if (target.name === "") {
    return { severity: "error", problem: "invalid route: the delegate action names no route table: set ref.name" };
  }
  const ref: Ref = { name: target.name, namespace: target.namespace === "" ? owner.namespace : target.namespace };
  const table = lookups.routeTable(ref);
  return table === undefined
    ? { severity: "warning", problem: `route table ${refText(ref)} missing` }
    : { tables: [summarizeTable(table)] };
}
