import { refKey, refOf, refText } from "epoxy";
import type { Collection, Graph } from "epoxy/collections";
import type { Upstream, UpstreamGroup } from "epoxy/kinds";
import { statusOfReport } from "epoxy/snapshot";
import type { Rollout } from "../generated/sdk/index.ts";

/** What people are told of each rollout, kept up to date: after a change, only of those that looked at what has changed. */
export const rolloutStatuses = (
  graph: Graph,
  rollouts: Collection<Rollout>,
  upstreams: Collection<Upstream>,
  groups: Collection<UpstreamGroup>,
) =>
  graph.derive("rollout statuses", rollouts, (rollout, key, lookup) => {
    const group = lookup.get(groups, key);
    if (group === undefined) return undefined; // It is about to be made.
    const isOurs = group.metadata?.labels["made-by"] === "rollouts";
    const errors = isOurs ? [] : ["its upstream group was made by somebody else: delete that, or rename the rollout"];
    const named = [rollout.from, rollout.to].filter((ref) => ref !== undefined);
    const missing = named.filter((ref) => !lookup.has(upstreams, refKey(ref)));
    const warnings = missing.map((ref) => `upstream ${refText(ref)} not found`);
    const status = statusOfReport({ errors, warnings, messages: [] }, { reportedBy: "rollouts" });
    return { ref: refOf(rollout), resource: rollout, status };
  });
