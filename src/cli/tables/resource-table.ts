import {
  ProxyKind,
  RouteTableKind,
  SecretKind,
  UpstreamGroupKind,
  UpstreamKind,
  VirtualServiceKind,
} from "../../../generated/sdk/index.ts";
import type { AnyKind, Resource } from "../../resources/index.ts";
import { proxyTable } from "./proxy-table.ts";
import { routeTableTable } from "./route-table-table.ts";
import { secretTable } from "./secret-table.ts";
import type { Table } from "./table.ts";
import { renderTable } from "./table.ts";
import { upstreamGroupTable } from "./upstream-group-table.ts";
import { upstreamTable } from "./upstream-table.ts";
import { virtualServiceTable } from "./virtual-service-table.ts";
import { columnTable } from "./wide-table.ts";

/** Kinds that have a table as Gloo draws it. */
const tables = new Map<AnyKind, (resources: readonly any[], statusNamespace: string) => Table>([
  [VirtualServiceKind, virtualServiceTable],
  [RouteTableKind, routeTableTable],
  [UpstreamKind, upstreamTable],
  [UpstreamGroupKind, upstreamGroupTable],
  [ProxyKind, proxyTable],
  [SecretKind, secretTable],
]);

/** The table of resources of a kind: Gloo's where there is one, else by the columns that the kind declares. */
export function resourceTable(kind: AnyKind, resources: readonly Resource[], statusNamespace: string): string {
  const table = tables.get(kind);
  if (table === undefined) return columnTable(kind, resources, statusNamespace);
  return renderTable(table(resources, statusNamespace));
}
