import type { VirtualService } from "../../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import { GatewayKind, ProxyKind, VirtualServiceKind } from "../../../generated/sdk/index.ts";
import { refOf } from "../../resources/index.ts";
import type { CheckedResource } from "./check-configuration.ts";

/**
 * Resources among which the virtual services that nothing serves, because of others or of their gateways, are served all the
 * same: what is wrong with their routes is then said with the rest, and not one fault after the other.
 */
export function asIfServed(
  resources: readonly CheckedResource[],
  unserved: readonly CheckedResource[],
): readonly CheckedResource[] {
  const others = resources.filter(
    ({ kind: { kind } }) => kind !== GatewayKind.kind && kind !== ProxyKind.kind && kind !== VirtualServiceKind.kind,
  );
  const probes = unserved.map(({ kind, resource }) => {
    const { virtualHost, ...rest } = resource as VirtualService;
    const { namespace, name } = refOf(resource);
    // The default gateway takes what has no TLS, and a domain of its own can't be contested.
    const own = virtualHost && { ...virtualHost, domains: [`${name}.${namespace}.invalid`] };
    return { kind, resource: { ...rest, virtualHost: own, sslConfig: undefined } };
  });
  return [...others, ...probes];
}
