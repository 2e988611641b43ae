import type { RouteConfigurationOptions } from "../../generated/proto/epoxy/gloo/v1/route_configuration_options.ts";
import { RouteConfiguration } from "./api.ts";
import { lengthDelimited } from "./length-delimited.ts";
import { SCOPE_HEADER } from "./scoped-routes.ts";

const EMPTY = RouteConfiguration.fromPartial({});
/** `virtual_hosts` of RouteConfiguration. */
const VIRTUAL_HOSTS_FIELD = 2;

/**
 * The encoded route configuration without virtual hosts. Followed by {@link virtualHostPart}s, in any order, it is the
 * encoded resource, since protobuf lets the fields of a message stand one after the other.
 *
 * @param name - of the route configuration
 * @param options - `routeOptions` of the listener
 * @param scoped - whether it is chosen by scope: then the header that this takes goes no further
 */
export function routeConfigHeader(
  name: string,
  options: RouteConfigurationOptions | undefined,
  scoped = false,
): Uint8Array {
  const header: RouteConfiguration = {
    ...EMPTY,
    name,
    maxDirectResponseBodySizeBytes: options?.maxDirectResponseBodySizeBytes,
    mostSpecificHeaderMutationsWins: options?.mostSpecificHeaderMutationsWins ?? false,
    requestHeadersToRemove: scoped ? [SCOPE_HEADER] : [],
  };
  return RouteConfiguration.encode(header).finish();
}

/** An encoded virtual host as a field of a route configuration. */
export const virtualHostPart = (virtualHost: Uint8Array): Uint8Array =>
  lengthDelimited(VIRTUAL_HOSTS_FIELD, virtualHost);
