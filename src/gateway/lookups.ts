import type { RouteOption, VirtualHostOption } from "../../generated/proto/epoxy/gateway/v1/external_options.ts";
import type { RouteTable } from "../../generated/proto/epoxy/gateway/v1/route_table.ts";
import type { Lookup } from "../collections/index.ts";
import { type Ref, refOf, type Selector } from "../resources/index.ts";

/** What a route selects tables by: their labels, in some namespaces; `*` among these means all. */
export interface TableSelector {
  readonly namespaces: readonly string[];
  readonly selector: Selector;
}

/** A table that is delegated to, and where its routes come. */
export interface SelectedTable {
  readonly ref: Ref;
  /** Absent in the table: 0. */
  readonly weight: number;
}

/** What of a route table decides who delegates to it, and where its routes come; unchanged by edits of these. */
export interface TableSummary extends SelectedTable {
  readonly labels: Readonly<Record<string, string>>;
}

export const summarizeTable = (table: RouteTable): TableSummary => ({
  ref: refOf(table),
  labels: table.metadata?.labels ?? {},
  weight: table.weight ?? 0,
});

/** What a virtual service's translation may ask for. Its caller records each look-up as a dependency. */
export interface Lookups {
  routeTable(ref: Ref): RouteTable | undefined;
  /** Sorted by namespace, then name. */
  selectedTables(selector: TableSelector): readonly SelectedTable[];
  routeOption(ref: Ref): RouteOption | undefined;
  virtualHostOption(ref: Ref): VirtualHostOption | undefined;
  /** Keeps a part of the result as long as nothing that it depends on changes. */
  readonly part: Lookup["part"];
}
