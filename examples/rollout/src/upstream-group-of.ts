import type { Ref } from "epoxy";
import { UpstreamGroup } from "epoxy/proto/epoxy/gloo/v1/proxy.js";
import type { Rollout } from "../generated/sdk/index.ts";

/** The upstream group that a rollout asks for. A pure function: what exists is asked, not looked up. */
export function upstreamGroupOf({ metadata, from, to, percent }: Rollout, exists: (ref: Ref) => boolean) {
  const moved = to && exists(to) ? Math.min(percent, 100) : 0;
  const share = (value: Ref | undefined, weight: number) =>
    value && weight > 0 ? [{ destination: { destinationType: { $case: "upstream" as const, value } }, weight }] : [];
  return UpstreamGroup.fromPartial({
    metadata: { name: metadata?.name ?? "", namespace: metadata?.namespace ?? "" },
    destinations: [...share(from, 100 - moved), ...share(to, moved)],
  });
}
