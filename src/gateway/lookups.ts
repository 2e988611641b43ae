import type { RouteOption, VirtualHostOption } from "../../generated/proto/epoxy/gateway/v1/external_options.ts";
import type { RouteTable } from "../../generated/proto/epoxy/gateway/v1/route_table.ts";
import type { Ref, Selector } from "../resources/index.ts";

/** What a virtual service's translation may ask for. Its caller records each look-up as a dependency. */
export interface Lookups {
  routeTable(ref: Ref): RouteTable | undefined;
  /** Route tables with these labels; `namespaces` with `*` means all. Sorted by namespace, then name. */
  routeTables(namespaces: readonly string[], selector: Selector): readonly RouteTable[];
  routeOption(ref: Ref): RouteOption | undefined;
  virtualHostOption(ref: Ref): VirtualHostOption | undefined;
}
