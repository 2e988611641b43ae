import type { RouteOption, VirtualHostOption } from "../../generated/proto/epoxy/gateway/v1/external_options.ts";
import type { RouteTable } from "../../generated/proto/epoxy/gateway/v1/route_table.ts";
import type { Lookup } from "../collections/index.ts";
import { type Ref, refOf, type Selector } from "../resources/index.ts";

/** What of a route table decides who delegates to it, and where its routes come; unchanged by edits of these. */
export interface TableSummary {
  readonly ref: Ref;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent in the table: 0. */
  readonly weight: number;
}

export const summarizeTable = (table: RouteTable): TableSummary => ({
  ref: refOf(table),
  labels: table.metadata?.labels ?? {},
  weight: table.weight ?? 0,
});

/** What a virtual service's translation may ask for. Its caller records each look-up as a dependency. */
export interface Lookups {
  routeTable(ref: Ref): RouteTable | undefined;
  /** Route tables with these labels; `namespaces` with `*` means all. Sorted by namespace, then name. */
  routeTables(namespaces: readonly string[], selector: Selector): readonly TableSummary[];
  routeOption(ref: Ref): RouteOption | undefined;
  virtualHostOption(ref: Ref): VirtualHostOption | undefined;
  /** Keeps a part of the result as long as nothing that it depends on changes. */
  readonly part: Lookup["part"];
}
