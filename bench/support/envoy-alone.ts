import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { RouteConfiguration } from "../../generated/envoy/envoy/config/route/v3/route.ts";
import {
  Route,
  RouteAction,
  RouteMatch,
  VirtualHost,
} from "../../generated/envoy/envoy/config/route/v3/route_components.ts";
import { resourceFromBytes, typeUrls } from "../../src/xds/index.ts";
import { encodeSotwResponse } from "../../src/xds/wire.ts";
import { type RunningEnvoy, startEnvoy } from "../../test/support/envoy.ts";
import { domainOf, save } from "./data-folder.ts";

/** An Envoy without any control plane that reads its one route table from a file: what a change costs at the very least. */
export interface EnvoyAlone {
  readonly envoy: RunningEnvoy;
  /** Bytes of the table's file. */
  readonly size: number;
  /**
   * The table by which the domain's (or, of one domain, the route's) requests arrive as `path`, encoded. The function that is returned writes it
   * and, by renaming it, has Envoy read it: what is timed is Envoy, not our encoder.
   */
  prepare(index: number, path: string): () => void;
}

const EMPTY = RouteConfiguration.fromPartial({});
const EMPTY_VIRTUAL_HOST = VirtualHost.fromPartial({});
const EMPTY_ROUTE = Route.fromPartial({ match: {} });
const EMPTY_ACTION = RouteAction.fromPartial({});

interface HostFields {
  readonly name: string;
  readonly domain: string;
  readonly cluster: string;
  readonly prefix: string;
  readonly prefixRewrite: string;
}

function virtualHostOf({ name, domain, cluster, prefix, prefixRewrite }: HostFields): VirtualHost {
  const match = { ...RouteMatch.fromPartial({}), pathSpecifier: { $case: "prefix", value: prefix } } as const;
  const clusterSpecifier = { $case: "cluster", value: cluster } as const;
  const value: RouteAction = { ...EMPTY_ACTION, clusterSpecifier, prefixRewrite };
  const route = {
    ...EMPTY_ROUTE,
    name: `${name}-route-0-matcher-0`,
    match,
    action: { $case: "route", value },
  } as const;
  return { ...EMPTY_VIRTUAL_HOST, name, domains: [domain], routes: [route] };
}

/** A virtual host with one route to the cluster. */
export const encodeVirtualHost = (index: number, cluster: string, prefix: string): Uint8Array => {
  const names = { name: `vh-${`${index}`.padStart(5, "0")}`, domain: domainOf(index) };
  return VirtualHost.encode(virtualHostOf({ ...names, cluster, prefix, prefixRewrite: "" })).finish();
};

const routeConfiguration = (virtualHosts: readonly VirtualHost[]): Uint8Array =>
  RouteConfiguration.encode({ ...EMPTY, name: "routes", virtualHosts }).finish();

const manyDomains = (paths: readonly string[]): Uint8Array =>
  routeConfiguration(
    paths.map((prefixRewrite, index) => {
      const name = `gloo-system_vs-${index}`;
      return virtualHostOf({ name, domain: domainOf(index), cluster: "backend", prefix: "/", prefixRewrite });
    }),
  );

const oneDomain = (paths: readonly string[]): Uint8Array => {
  const hosts = paths.map((prefixRewrite, index) => {
    const names = { name: `one-${index}`, domain: "one.example.com", cluster: "backend" };
    return virtualHostOf({ ...names, prefix: `/r${index}/`, prefixRewrite });
  });
  const routes = hosts.flatMap((host) => host.routes);
  return routeConfiguration([{ ...EMPTY_VIRTUAL_HOST, name: "one", domains: ["one.example.com"], routes }]);
};

const manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

export async function startEnvoyAlone(
  folder: string,
  n: number,
  ports: { readonly gateway: number; readonly backend: number },
  domains: "many" | "one" = "many",
): Promise<EnvoyAlone> {
  mkdirSync(folder, { recursive: true });
  const paths = Array.from({ length: n }, () => "/start");
  // Binary: parsing text would cost Envoy far more than the table itself.
  const file = join(folder, "routes.pb");
  let version = 0;
  let size = 0;
  const encode = (): Uint8Array => {
    const resource = resourceFromBytes(
      typeUrls.route,
      "routes",
      domains === "one" ? oneDomain(paths) : manyDomains(paths),
    );
    const response = { typeUrl: typeUrls.route, version: `${++version}`, nonce: "", resources: [resource] };
    // After gRPC's five bytes of framing.
    const bytes = encodeSotwResponse({ ...response, controlPlane: "" });
    size = bytes.length;
    return bytes;
  };
  save(file, encode());
  const address = (port: number) => ({ socket_address: { address: "127.0.0.1", port_value: port } });
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(ports.backend) } }] }];
  const hcm = {
    "@type": manager,
    stat_prefix: "http",
    rds: { route_config_name: "routes", config_source: { path_config_source: { path: file } } },
    http_filters: [{ name: "router", typed_config: { "@type": router } }],
  };
  const envoy = await startEnvoy({
    bootstrap: {
      node: { id: "alone", cluster: "bench" },
      static_resources: {
        clusters: [{ name: "backend", type: "STATIC", load_assignment: { cluster_name: "backend", endpoints } }],
        listeners: [
          {
            name: "listener",
            address: address(ports.gateway),
            filter_chains: [{ filters: [{ name: "http", typed_config: hcm }] }],
          },
        ],
      },
    },
  });
  return {
    envoy,
    get size() {
      return size;
    },
    prepare(index, path) {
      paths[index] = path;
      const bytes = encode();
      return () => save(file, bytes);
    },
  };
}
