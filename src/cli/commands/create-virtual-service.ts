import { RouteTableKind, VirtualServiceKind } from "../../../generated/sdk/index.ts";
import type { Invocation } from "../command.ts";
import { createResource } from "../create-resource.ts";
import { keyValues } from "../key-values.ts";
import type { routeTableOptions, virtualServiceOptions } from "./create-specs.ts";

/** `epoxy create virtualservice` */
export async function createVirtualService(invocation: Invocation<typeof virtualServiceOptions>): Promise<undefined> {
  const { domains, "display-name": displayName } = invocation.values;
  return createResource(invocation, VirtualServiceKind, {
    virtualHost: { domains: domains.length === 0 ? ["*"] : [...domains] },
    ...(displayName ? { displayName } : {}),
  });
}

/** `epoxy create routetable` */
export async function createRouteTable(invocation: Invocation<typeof routeTableOptions>): Promise<undefined> {
  const { weight } = invocation.values;
  const labels = keyValues("--labels", invocation.values.labels);
  return createResource(invocation, RouteTableKind, weight === undefined ? {} : { weight }, labels);
}
