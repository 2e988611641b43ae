import { fromJson, type JsonObject, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { resourceFromBytes, type XdsResource, type XdsResourceOptions } from "../../../src/xds/index.ts";
import { envoyTypes } from "../../../src/xds/rest/envoy-json.ts";

/** A resource of one of Envoy's types from its JSON, in which an Any is an object with `@type`. */
export function jsonResource(
  typeUrl: string,
  name: string,
  json: JsonValue,
  options?: XdsResourceOptions,
): XdsResource {
  const registry = envoyTypes();
  const type = registry.getMessage(typeUrl.replace("type.googleapis.com/", ""));
  if (type === undefined) throw new Error(`no type ${typeUrl}`);
  return resourceFromBytes(typeUrl, name, toBinary(type, fromJson(type, json, { registry })), options);
}

/** The name of a message packed in an Any. */
export const packed = (type: string): string => `type.googleapis.com/envoy.${type}`;

const socket = (port: number): JsonObject => ({ socketAddress: { address: "127.0.0.1", portValue: port } });

/** A listener on a port, with HTTP filters before the router. */
export function httpListener(
  port: number,
  routing: JsonObject,
  filters: readonly JsonObject[] = [],
  filterChain: JsonObject = {},
): JsonObject {
  const router = { name: "router", typedConfig: { "@type": packed("extensions.filters.http.router.v3.Router") } };
  const manager = {
    "@type": packed("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
    statPrefix: "http",
    ...routing,
    httpFilters: [...filters, router],
  };
  const chain = { filters: [{ name: "http", typedConfig: manager }], ...filterChain };
  return { name: "http", address: socket(port), filterChains: [chain] };
}

/** A table that sends everything to one cluster. */
export const routeTable = (name: string, cluster: string): JsonObject => ({
  name,
  virtualHosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster } }] }],
});

export const endpointsAt = (clusterName: string, port: number): JsonObject => ({
  clusterName,
  endpoints: [{ lbEndpoints: [{ endpoint: { address: socket(port) } }] }],
});

export const edsCluster = (name: string, edsConfig: JsonObject): JsonObject => ({
  name,
  type: "EDS",
  connectTimeout: "1s",
  edsClusterConfig: { edsConfig },
});
