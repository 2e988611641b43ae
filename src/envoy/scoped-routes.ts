import {
  EarlyHeaderMutation,
  type EnvoyExtensionConfig,
  EnvoyFilterConfig,
  EnvoyHeaderValueOption,
  type EnvoyMetadata,
  EnvoyVirtualHost,
  HeaderValueOption_HeaderAppendAction,
  type HttpConnectionManager,
  type HttpFilter,
  LuaFilter,
  ScopedRouteConfiguration,
} from "./api.ts";
import { ADS } from "./ads.ts";
import { packAny } from "./pack.ts";

/*
 * Route tables cut by scope (SRDS), so that Envoy's work for a change doesn't grow with the number of routes.
 *
 * Each virtual host with exact domains has a table of its own, which is chosen by a header whose value is the listener's name and the
 * host that is asked for. All else (wildcards, `*`) is in one table of the listener, its scope `*`, in which Envoy applies its own
 * order of precedence. An exact domain comes before any wildcard in a plain table, too, so routing is the same.
 *
 * The header is set before Envoy looks for a route (so what a client sends in it has no effect) and never reaches a backend. Envoy compares
 * scopes exactly and hosts without regard to case, and a scope that isn't there leads nowhere: a small Lua filter, first in the chain,
 * corrects the header in both cases and has Envoy look again. It depends on no virtual host, so none of their changes touches the listener.
 * Tables of exact domains switch it off: Envoy decides that by the route that it has found before it makes the filters of a request.
 *
 * The listener's name is part of the scope since Envoy gives all scopes of a proxy to each of its listeners.
 */

/** Holds the scope while a request is routed. */
export const SCOPE_HEADER = "x-epoxy-scope";

/** Metadata of virtual hosts by which the filter knows that one was found, and name of the filter, which reads that metadata. */
const FILTER_NAME = "epoxy.scope";
const MARKER: EnvoyMetadata = { filterMetadata: { [FILTER_NAME]: { found: true } }, typedFilterMetadata: {} };

/** Switches the filter off. */
const WITHOUT_FILTER = {
  [FILTER_NAME]: packAny(
    "envoy.config.route.v3.FilterConfig",
    EnvoyFilterConfig.encode({ ...EnvoyFilterConfig.fromPartial({}), disabled: true }),
  ),
};

/** Scope of a host (in lower case) or of everything without a scope of its own (`*`). */
const scopeKey = (listenerName: string, host: string): string => `${listenerName} ${host}`;

/** Whether only this host matches the domain: it has no wildcard. */
export const isExactDomain = (domain: string): boolean => !domain.startsWith("*") && !domain.endsWith("*");

/** Name of the route table of one virtual host. */
export const scopedTableName = (routeConfigName: string, virtualHost: string): string =>
  `${routeConfigName}/${virtualHost}`;

/** The frame of a virtual host, which its routes are to follow, with some of its domains. */
export interface CutVirtualHost {
  readonly domains: readonly string[];
  readonly frame: Uint8Array;
}

/** The virtual host for a table of its own (`exact`), for the listener's (`wildcard`; undefined where no domain is left), and uncut. */
export function cutByScope(virtualHost: EnvoyVirtualHost): {
  readonly whole: Uint8Array;
  readonly exact: CutVirtualHost | undefined;
  readonly wildcard: CutVirtualHost | undefined;
} {
  const cut = (domains: readonly string[], marks: Partial<EnvoyVirtualHost>): CutVirtualHost | undefined => {
    if (domains.length === 0) return undefined;
    return { domains, frame: EnvoyVirtualHost.encode({ ...virtualHost, ...marks, domains }).finish() };
  };
  const filterMetadata = { ...virtualHost.metadata?.filterMetadata, ...MARKER.filterMetadata };
  return {
    whole: EnvoyVirtualHost.encode(virtualHost).finish(),
    exact: cut(virtualHost.domains.filter(isExactDomain), {
      metadata: { ...(virtualHost.metadata ?? MARKER), filterMetadata },
      typedPerFilterConfig: { ...virtualHost.typedPerFilterConfig, ...WITHOUT_FILTER },
    }),
    wildcard: cut(
      virtualHost.domains.filter((domain) => !isExactDomain(domain)),
      {},
    ),
  };
}

/** A scope: which table requests for the host go by. `host` `*`: those that have no scope of their own. */
export interface Scope {
  /** Unique among the scopes of a proxy, and the same whichever table it leads to: a domain changes hands in one step. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Leads requests for a host to a table. */
export function routeScope(listenerName: string, host: string, routeConfigurationName: string): Scope {
  const name = scopeKey(listenerName, host);
  const fragment = { type: { $case: "stringKey", value: name } } as const;
  const scope: ScopedRouteConfiguration = {
    name,
    key: { fragments: [fragment] },
    routeConfigurationName,
    routeConfiguration: undefined,
    onDemand: false,
  };
  return { name, bytes: ScopedRouteConfiguration.encode(scope).finish() };
}

/** What a connection manager needs in order to find routes by scope. */
export function scopedRouting(listenerName: string): {
  readonly manager: Pick<HttpConnectionManager, "routeSpecifier" | "earlyHeaderMutationExtensions">;
  /** Must be first in the chain. */
  readonly filter: HttpFilter;
} {
  const extractor = { name: SCOPE_HEADER, elementSeparator: "", extractType: { $case: "index", value: 0 } } as const;
  return {
    manager: {
      earlyHeaderMutationExtensions: [setScope(listenerName)],
      routeSpecifier: {
        $case: "scopedRoutes",
        value: {
          name: listenerName,
          scopeKeyBuilder: { fragments: [{ type: { $case: "headerValueExtractor", value: extractor } }] },
          rdsConfigSource: ADS,
          configSpecifier: { $case: "scopedRds", value: { scopedRdsConfigSource: ADS, srdsResourcesLocator: "" } },
        },
      },
    },
    filter: {
      name: FILTER_NAME,
      configType: {
        $case: "typedConfig",
        value: packAny(
          "envoy.extensions.filters.http.lua.v3.Lua",
          LuaFilter.encode({
            ...LuaFilter.fromPartial({}),
            defaultSourceCode: {
              specifier: { $case: "inlineString", value: correctScope(listenerName) },
              watchedDirectory: undefined,
            },
          }),
        ),
      },
      isOptional: false,
      disabled: false,
    },
  };
}

/** Sets the scope of the host as it was sent: right for all requests whose host is in lower case and has a scope. */
function setScope(listenerName: string): EnvoyExtensionConfig {
  const value: EnvoyHeaderValueOption = {
    ...EnvoyHeaderValueOption.fromPartial({}),
    header: { key: SCOPE_HEADER, value: scopeKey(listenerName, "%REQ(:authority)%"), rawValue: Buffer.alloc(0) },
    appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
  };
  return {
    name: FILTER_NAME,
    typedConfig: packAny(
      "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
      EarlyHeaderMutation.encode({ mutations: [{ action: { $case: "append", value } }] }),
    ),
  };
}

/**
 * It counts on nothing that came before it: after an internal redirect the header is missing, too. Asking for the route's metadata has
 * Envoy look for the route again, which `virtualHost()` alone doesn't.
 */
const correctScope = (listenerName: string): string => `
local prefix = ${JSON.stringify(scopeKey(listenerName, ""))}
function envoy_on_request(handle)
  local headers = handle:headers()
  local scope = prefix .. string.lower(headers:get(":authority") or "")
  if headers:get("${SCOPE_HEADER}") ~= scope then
    headers:replace("${SCOPE_HEADER}", scope)
    handle:clearRouteCache()
    handle:metadata()
  end
  if handle:virtualHost():metadata():get("found") == nil then
    headers:replace("${SCOPE_HEADER}", prefix .. "*")
    handle:clearRouteCache()
  end
end
`;
