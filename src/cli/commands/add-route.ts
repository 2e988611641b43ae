import { EpoxyError } from "../../errors/index.ts";
import type { Invocation } from "../command.ts";
import { editRoutes } from "../edit-routes.ts";
import { printWritten } from "../print-written.ts";
import { routeFromOptions } from "../route-from-options.ts";
import { openStores } from "../stores.ts";
import { UsageError } from "../usage-error.ts";
import type { addRouteOptions } from "./route-specs.ts";

/** `epoxy add route` */
export async function addRoute(invocation: Invocation<typeof addRouteOptions>): Promise<undefined> {
  const { values, signal } = invocation;
  const { index, namespace, name = "" } = values;
  const isRouteTable = values["to-route-table"];
  if (isRouteTable && name === "") throw new UsageError("name the route table: --to-route-table --name NAME");
  const route = routeFromOptions(values);
  await using stores = await openStores(values, signal);
  const { kind, resource } = await editRoutes(
    stores,
    { name, namespace, isRouteTable, create: true, allNamespaces: values["cluster-scoped-vs-client"] },
    (routes, owner) => {
      if (index > routes.length) {
        throw new EpoxyError("invalid", `${owner} has ${routes.length} routes: --index ${index} is beyond its end`, {
          resource: owner,
        });
      }
      return routes.toSpliced(index, 0, route);
    },
    { dryRun: values["dry-run"], signal },
  );
  printWritten(invocation, kind, resource, stores.statusNamespace);
  return undefined;
}
