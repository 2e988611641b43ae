import { tables } from "../../../generated/envoy/tables.ts";
import { decodeBinary, type JsonValue, toJson } from "../../resources/index.ts";
import { typeUrls } from "../../xds/index.ts";
import type { ServedResource } from "../served-resource.ts";

/**
 * What proxies would get as bootstrap configurations that hold all of it, by the proxies' snapshot key: `envoy --mode validate` looks at no
 * discovery service. Clusters have no endpoints, since these say nothing about the configuration.
 */
export function staticBootstraps(served: readonly ServedResource[]): ReadonlyMap<string, JsonValue> {
  const byProxy = Map.groupBy(served, ({ snapshotKey }) => snapshotKey);
  return new Map([...byProxy].map(([key, resources]) => [key, staticBootstrap(resources)] as const));
}

function staticBootstrap(served: readonly ServedResource[]): JsonValue {
  const all = (typeUrl: string): readonly JsonObject[] =>
    served.filter(({ resource }) => resource.typeUrl === typeUrl).map(jsonOf);
  const tablesByName = new Map(all(typeUrls.route).map((table) => [table["name"], table]));
  return {
    static_resources: {
      listeners: all(typeUrls.listener).map((listener) => withRoutes(listener, tablesByName)),
      clusters: all(typeUrls.cluster).map(withoutDiscovery),
    },
  };
}

type JsonObject = Readonly<Record<string, JsonValue>>;

function jsonOf({ resource }: ServedResource): JsonObject {
  const type = tables.message(resource.typeUrl.slice(resource.typeUrl.indexOf("/") + 1));
  const bytes = Buffer.concat(resource.parts.map((part) => part.bytes));
  return toJson(type, decodeBinary(type, bytes), { types: tables.find }) as JsonObject;
}

/** With routes in place of where to get them from. */
function withRoutes<T extends JsonValue>(json: T, routes: ReadonlyMap<JsonValue | undefined, JsonObject>): T {
  if (Array.isArray(json)) return json.map((item: JsonValue) => withRoutes(item, routes)) as unknown as T;
  if (typeof json !== "object" || json === null) return json;
  const entries = Object.entries(json as JsonObject).map(([key, value]) => {
    if (key !== "rds") return [key, withRoutes(value, routes)];
    const { routeConfigName } = value as JsonObject;
    return ["routeConfig", routes.get(routeConfigName) ?? { name: routeConfigName ?? "" }];
  });
  return Object.fromEntries(entries) as T;
}

function withoutDiscovery(cluster: JsonObject): JsonObject {
  if (cluster["type"] !== "EDS") return cluster;
  const { edsClusterConfig: _, ...rest } = cluster;
  return { ...rest, type: "STATIC", loadAssignment: { clusterName: cluster["name"] ?? "" } };
}
