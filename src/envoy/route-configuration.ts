import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { RouteConfigurationOptions } from "../../generated/proto/epoxy/gloo/v1/route_configuration_options.ts";
import { type EnvoyVirtualHost, RouteConfiguration } from "./api.ts";
import { SCOPE_HEADER } from "./scoped-routes.ts";

const EMPTY = RouteConfiguration.fromPartial({});
/** `virtual_hosts` of RouteConfiguration. */
const VIRTUAL_HOSTS_FIELD = 2;

/**
 * The encoded route configuration without virtual hosts. Followed by {@link virtualHostPieces}, in any order, it is the
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

/**
 * An encoded virtual host as a field of a route configuration, in pieces: the frame with the field's tag and length, then the routes as they
 * are.
 *
 * @param frame - the encoded virtual host without routes
 * @param routes - encoded as fields of the virtual host
 */
export function virtualHostPieces(
  frame: Uint8Array,
  routes: readonly Uint8Array[],
): readonly [Uint8Array, ...Uint8Array[]] {
  let length = frame.length;
  for (const piece of routes) length += piece.length;
  const writer = new BinaryWriter().tag(VIRTUAL_HOSTS_FIELD, WireType.LengthDelimited).uint32(length).raw(frame);
  return [writer.finish(), ...routes];
}

/** Reads the virtual host that {@link virtualHostPieces}, joined, are; undefined where there is none. */
export function readVirtualHost(joined: Uint8Array): EnvoyVirtualHost | undefined {
  return RouteConfiguration.decode(joined).virtualHosts[0];
}
