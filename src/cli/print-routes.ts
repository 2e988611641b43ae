import { type VirtualService, VirtualServiceKind } from "../../generated/sdk/index.ts";
import { type JsonValue, renderYaml, resourceToJson } from "../resources/index.ts";
import type { OutputFormat } from "./print-resources.ts";
import { routeTables } from "./tables/routes-table.ts";

/** The routes of a virtual service, as a table for each kind of action, YAML or JSON. Ends with a line break. */
export function printRoutes(resource: VirtualService, format: OutputFormat): string {
  if (format === "table" || format === "wide") return routeTables(resource.virtualHost?.routes ?? []);
  const json = resourceToJson(VirtualServiceKind, resource) as {
    readonly virtualHost?: { readonly routes?: JsonValue };
  };
  const routes = json.virtualHost?.routes ?? [];
  return format === "json" ? `${JSON.stringify(routes, undefined, 2)}\n` : renderYaml(routes);
}
