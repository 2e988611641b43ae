import type { RouteTable } from "../../../generated/sdk/index.ts";
import { routeText } from "./route-text.ts";
import { statusText } from "./status-text.ts";
import type { Table } from "./table.ts";

export function routeTableTable(resources: readonly RouteTable[], statusNamespace: string): Table {
  return {
    headers: ["ROUTE TABLE", "ROUTES", "STATUS"],
    rows: resources.flatMap((resource) => {
      const routes = resource.routes.length === 0 ? [""] : resource.routes.map(routeText);
      return routes.map((route, index) =>
        index === 0 ? [resource.metadata?.name ?? "", route, statusText(resource, statusNamespace)] : ["", route, ""],
      );
    }),
  };
}
