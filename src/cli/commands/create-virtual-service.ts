import { VirtualServiceKind } from "../../../generated/sdk/index.ts";
import type { Invocation } from "../command.ts";
import { createResource } from "../create-resource.ts";
import type { virtualServiceOptions } from "./create-specs.ts";

/** `epoxy create virtualservice` */
export async function createVirtualService(invocation: Invocation<typeof virtualServiceOptions>): Promise<undefined> {
  const { domains, "display-name": displayName } = invocation.values;
  return createResource(invocation, VirtualServiceKind, {
    virtualHost: { domains: domains.length === 0 ? ["*"] : [...domains] },
    ...(displayName ? { displayName } : {}),
  });
}
