import type { HttpListener } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import {
  EnvoyRoute,
  EnvoyVirtualHost,
  type Filter,
  HttpConnectionManager,
  type HttpFilter,
  RouteConfiguration,
  Router,
} from "./api.ts";
import type { EnvoyDirectResponseAction } from "./api.ts";
import { ADS } from "./ads.ts";
import { type FeatureScope, mergeContribution, type StagedHttpFilter, stages } from "./feature.ts";
import { features } from "./features/index.ts";
import { MATCH_ALL } from "./matcher.ts";
import { packAny } from "./pack.ts";
import { scopedRouting } from "./scoped-routes.ts";

const TYPE = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const FILTER_NAME = "envoy.filters.network.http_connection_manager";
const EMPTY = HttpConnectionManager.fromPartial({});
const EMPTY_ROUTES = RouteConfiguration.fromPartial({});
const EMPTY_VIRTUAL_HOST = EnvoyVirtualHost.fromPartial({});
const EMPTY_ROUTE = EnvoyRoute.fromPartial({});
const DEFAULT_STAT_PREFIX = "http";

const ROUTER: HttpFilter = {
  name: "envoy.filters.http.router",
  configType: {
    $case: "typedConfig",
    value: packAny("envoy.extensions.filters.http.router.v3.Router", Router.encode(Router.fromPartial({}))),
  },
  isOptional: false,
  disabled: false,
};

/** Where the routes are: in a route configuration of this name, in several that are chosen by scope, or every request gets one answer. */
export type RouteSource =
  | { readonly name: string }
  | { readonly scopesOf: string }
  | { readonly answer: EnvoyDirectResponseAction };

/** The network filter that speaks HTTP for a listener. */
export function httpConnectionManager(listener: HttpListener, routes: RouteSource, scope: FeatureScope): Filter {
  let manager: HttpConnectionManager = {
    ...EMPTY,
    statPrefix: listener.statPrefix === "" ? DEFAULT_STAT_PREFIX : listener.statPrefix,
    normalizePath: true,
    upgradeConfigs: [{ upgradeType: "websocket", filters: [], enabled: undefined }],
  };
  const filters: StagedHttpFilter[] = [];
  if (listener.options !== undefined) {
    for (const feature of features) {
      const contribution = feature.httpListener?.(listener.options, scope);
      manager = mergeContribution(manager, contribution?.manager);
      filters.push(...(contribution?.httpFilters ?? []));
    }
  }
  const { fields, first } = routing(routes);
  return connectionManagerFilter({
    ...manager,
    ...fields,
    // The router ends the chain: Envoy wants a terminal filter last.
    httpFilters: [...first, ...orderFilters(filters), ROUTER],
  });
}

/** A connection manager that gives every request the same answer. */
export const answeringManager = (answer: EnvoyDirectResponseAction): Filter =>
  connectionManagerFilter({
    ...EMPTY,
    statPrefix: DEFAULT_STAT_PREFIX,
    ...routing({ answer }).fields,
    httpFilters: [ROUTER],
  });

const connectionManagerFilter = (manager: HttpConnectionManager): Filter => ({
  name: FILTER_NAME,
  configType: { $case: "typedConfig", value: packAny(TYPE, HttpConnectionManager.encode(manager)) },
});

function routing(routes: RouteSource): {
  readonly fields: Partial<HttpConnectionManager>;
  /** Filters before all others. */
  readonly first: readonly HttpFilter[];
} {
  if ("scopesOf" in routes) {
    const { manager, filter } = scopedRouting(routes.scopesOf);
    return { fields: manager, first: [filter] };
  }
  if ("name" in routes) {
    const value = { configSource: ADS, routeConfigName: routes.name };
    return { fields: { routeSpecifier: { $case: "rds", value } }, first: [] };
  }
  const route = {
    ...EMPTY_ROUTE,
    match: MATCH_ALL,
    action: { $case: "directResponse", value: routes.answer },
  } as const;
  const virtualHost = { ...EMPTY_VIRTUAL_HOST, name: "all", domains: ["*"], routes: [route] };
  const value = { ...EMPTY_ROUTES, name: "all", virtualHosts: [virtualHost] };
  return { fields: { routeSpecifier: { $case: "routeConfig", value } }, first: [] };
}

const PLACEMENTS: readonly StagedHttpFilter["placement"][] = ["before", "during", "after"];

const rank = ({ stage, placement }: StagedHttpFilter): number =>
  stages.indexOf(stage) * PLACEMENTS.length + PLACEMENTS.indexOf(placement);

/** By stage, then placement, then name. */
function orderFilters(filters: readonly StagedHttpFilter[]): readonly HttpFilter[] {
  return filters
    .toSorted((a, b) => rank(a) - rank(b) || (a.filter.name < b.filter.name ? -1 : 1))
    .map(({ filter }) => filter);
}
