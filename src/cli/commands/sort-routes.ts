import { sortRoutes } from "../../gateway/index.ts";
import type { Invocation } from "../command.ts";
import { editRoutes } from "../edit-routes.ts";
import { printWritten } from "../print-written.ts";
import { openStores } from "../stores.ts";
import { UsageError } from "../usage-error.ts";
import type { sortRouteOptions } from "./route-specs.ts";

/** `epoxy route sort` */
export async function sortStoredRoutes(invocation: Invocation<typeof sortRouteOptions>): Promise<undefined> {
  const { values, signal } = invocation;
  const { namespace, name = "" } = values;
  const isRouteTable = values["route-table"];
  if (isRouteTable && name === "") throw new UsageError("name the route table: --route-table --name NAME");
  await using stores = await openStores(values, signal, "existing");
  const { kind, resource } = await editRoutes(
    stores,
    { name, namespace, isRouteTable, create: false, allNamespaces: false },
    sortRoutes,
    { dryRun: values["dry-run"], signal },
  );
  printWritten(invocation, kind, resource, stores.statusNamespace);
  return undefined;
}
