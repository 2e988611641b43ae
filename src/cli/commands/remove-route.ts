import { EpoxyError } from "../../errors/index.ts";
import type { Invocation } from "../command.ts";
import { editRoutes } from "../edit-routes.ts";
import { printWritten } from "../print-written.ts";
import { openStores } from "../stores.ts";
import { UsageError } from "../usage-error.ts";
import type { removeRouteOptions } from "./route-specs.ts";

/** `epoxy remove route` */
export async function removeRoute(invocation: Invocation<typeof removeRouteOptions>): Promise<undefined> {
  const { values, signal } = invocation;
  const { index, namespace, name = "" } = values;
  const isRouteTable = values["from-route-table"];
  if (isRouteTable && name === "") throw new UsageError("name the route table: --from-route-table --name NAME");
  await using stores = await openStores(values, signal, "existing");
  const { kind, resource } = await editRoutes(
    stores,
    { name, namespace, isRouteTable, create: false, allNamespaces: false },
    (routes, owner) => {
      if (index === undefined && routes.length > 1) {
        throw new UsageError(`${owner} has ${routes.length} routes: say which with --index (from 0)`);
      }
      const place = index ?? 0;
      if (place < routes.length) return routes.toSpliced(place, 1);
      const detail = `${owner} has ${routes.length} routes: there is none at --index ${place}`;
      throw new EpoxyError("not_found", detail, { resource: owner });
    },
    { dryRun: values["dry-run"], signal },
  );
  printWritten(invocation, kind, resource, stores.statusNamespace);
  return undefined;
}
