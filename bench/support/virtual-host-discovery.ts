import {
  HttpConnectionManager,
  HttpFilter,
} from "../../generated/envoy/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { ApiVersion } from "../../generated/envoy/envoy/config/core/v3/config_source.ts";
import { Listener } from "../../generated/envoy/envoy/config/listener/v3/listener.ts";
import { RouteConfiguration } from "../../generated/envoy/envoy/config/route/v3/route.ts";
import {
  DirectResponseAction,
  Route,
  RouteMatch,
  VirtualHost,
} from "../../generated/envoy/envoy/config/route/v3/route_components.ts";
import { createXdsCache, createXdsServer, resourceFromBytes, typeUrls, type XdsResource } from "../../src/xds/index.ts";
import { listener } from "../../test/xds/support/envoy-resources.ts";

const ROUTES = "routes";
const ON_DEMAND = "envoy.extensions.filters.http.on_demand.v3.OnDemand";
const ads = {
  authorities: [],
  configSourceSpecifier: { $case: "ads", value: {} },
  // There is nothing to wait for before the first request.
  initialFetchTimeout: { seconds: 0n, nanos: 1_000_000 },
  resourceApiVersion: ApiVersion.V3,
} as const;

/** The listener, with the filter that asks for a request's virtual host when it isn't known. */
function onDemandListener(port: number): XdsResource {
  const message = Listener.decode(listener("http", port, ROUTES).parts[0]?.bytes ?? new Uint8Array());
  const configType = message.filterChains[0]?.filters[0]?.configType;
  if (configType?.$case !== "typedConfig") throw new Error("the listener has no connection manager");
  const manager = HttpConnectionManager.decode(configType.value.value);
  const config = { typeUrl: `type.googleapis.com/${ON_DEMAND}`, value: Buffer.alloc(0) };
  const filter: HttpFilter = {
    ...HttpFilter.fromPartial({ name: "envoy.filters.http.on_demand" }),
    configType: { $case: "typedConfig", value: config },
  };
  const value = HttpConnectionManager.encode({ ...manager, httpFilters: [filter, ...manager.httpFilters] }).finish();
  Object.assign(configType.value, { value: Buffer.from(value) });
  return resourceFromBytes(typeUrls.listener, "http", Listener.encode(message).finish());
}

function virtualHost(domain: string, body: string): XdsResource {
  const name = `${ROUTES}/${domain}`;
  const value: DirectResponseAction = {
    ...DirectResponseAction.fromPartial({ status: 200 }),
    body: { specifier: { $case: "inlineString", value: body }, watchedDirectory: undefined },
  };
  const match = { ...RouteMatch.fromPartial({}), pathSpecifier: { $case: "prefix", value: "/" } } as const;
  const route: Route = { ...Route.fromPartial({}), match, action: { $case: "directResponse", value } };
  const message: VirtualHost = { ...VirtualHost.fromPartial({ name }), domains: [domain], routes: [route] };
  return resourceFromBytes(typeUrls.virtualHost, name, VirtualHost.encode(message).finish());
}

/** Serves virtual hosts by VHDS: each when the first request for its domain comes. */
export async function serveVirtualHosts(port: number, key: string, hosts: ReadonlyMap<string, string>) {
  const cache = createXdsCache();
  const routes: RouteConfiguration = {
    ...RouteConfiguration.fromPartial({ name: ROUTES }),
    vhds: { configSource: ads },
  };
  cache.apply(key, {
    upsert: [
      onDemandListener(port),
      resourceFromBytes(typeUrls.route, ROUTES, RouteConfiguration.encode(routes).finish()),
      ...[...hosts].map(([domain, body]) => virtualHost(domain, body)),
    ],
    complete: true,
  });
  const server = createXdsServer({ cache, snapshotKey: () => key, fallbackKey: key, port: 0 });
  const { port: xdsPort } = await server.listen();
  return {
    xdsPort,
    change: (domain: string, body: string) => cache.apply(key, { upsert: [virtualHost(domain, body)] }),
    close: () => server.close(),
  };
}
