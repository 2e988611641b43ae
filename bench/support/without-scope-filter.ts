import { ScopedRouteConfiguration } from "../../generated/envoy/envoy/config/route/v3/scoped_route.ts";
import { Listener } from "../../generated/envoy/envoy/config/listener/v3/listener.ts";
import { HttpConnectionManager } from "../../generated/envoy/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { resourceFromBytes, typeUrls, type XdsCache, type XdsResource } from "../../src/xds/index.ts";

/** By what a listener without the filter chooses the scope: by the header that is set early, or by the host as it came. */
export type ScopeSource = "header" | "host";

/**
 * Replaces listeners and scopes that a cache holds by ones that do without the filter which corrects scopes: only exact domains in lower case are
 * found then. With the host as the scope, no header is set either, and all listeners of the proxy share their scopes.
 */
export function dropScopeFilter(cache: XdsCache, key: string, source: ScopeSource): void {
  const upsert = resourcesOf(cache, key, typeUrls.listener).map((resource) => withoutFilter(resource, source));
  if (source === "host") upsert.push(...resourcesOf(cache, key, typeUrls.scopedRoute).map(scopeByHost));
  cache.apply(key, { upsert });
}

function resourcesOf(cache: XdsCache, key: string, typeUrl: string): XdsResource[] {
  const names = cache.dump(key).find((type) => type.typeUrl === typeUrl)?.resources ?? {};
  return Object.keys(names).map((name) => cache.get(key, typeUrl, name) as XdsResource);
}

const bytesOf = ({ parts }: XdsResource): Uint8Array => Buffer.concat(parts.map(({ bytes }) => bytes));

function withoutFilter(resource: XdsResource, source: ScopeSource): XdsResource {
  const message = Listener.decode(bytesOf(resource));
  const configType = message.filterChains[0]?.filters[0]?.configType;
  if (configType?.$case !== "typedConfig") throw new Error("the listener has no connection manager");
  const manager = HttpConnectionManager.decode(configType.value.value);
  const httpFilters = manager.httpFilters.filter(({ name }) => name !== "epoxy.scope");
  if (httpFilters.length !== manager.httpFilters.length - 1) throw new Error("the listener has no filter for scopes");
  const early = source === "host" ? [] : manager.earlyHeaderMutationExtensions;
  const changed = { ...manager, httpFilters, earlyHeaderMutationExtensions: early };
  const value = HttpConnectionManager.encode(source === "host" ? chosenByHost(changed) : changed).finish();
  Object.assign(configType.value, { value: Buffer.from(value) });
  return resourceFromBytes(typeUrls.listener, resource.name, Listener.encode(message).finish());
}

function chosenByHost(manager: HttpConnectionManager): HttpConnectionManager {
  const specifier = manager.routeSpecifier;
  if (specifier?.$case !== "scopedRoutes") throw new Error("the listener doesn't go by scopes");
  const extractType = { $case: "index", value: 0 } as const;
  const value = { name: ":authority", elementSeparator: "", extractType };
  const scopeKeyBuilder = { fragments: [{ type: { $case: "headerValueExtractor", value } as const }] };
  return { ...manager, routeSpecifier: { ...specifier, value: { ...specifier.value, scopeKeyBuilder } } };
}

/** Its key is the name of the listener and the host. */
function scopeByHost(resource: XdsResource): XdsResource {
  const scope = ScopedRouteConfiguration.decode(bytesOf(resource));
  const value = scope.name.slice(scope.name.indexOf(" ") + 1);
  const key = { fragments: [{ type: { $case: "stringKey", value } as const }] };
  const bytes = ScopedRouteConfiguration.encode({ ...scope, key }).finish();
  return resourceFromBytes(typeUrls.scopedRoute, resource.name, bytes);
}
