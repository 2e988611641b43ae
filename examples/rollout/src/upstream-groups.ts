import { refKey } from "epoxy";
import type { Collection, Graph } from "epoxy/collections";
import type { Upstream } from "epoxy/kinds";
import type { Rollout } from "../generated/sdk/index.ts";
import { upstreamGroupOf } from "./upstream-group-of.ts";

/** The same groups as a live collection: after a change only those are made anew that looked at what has changed. */
export const upstreamGroups = (graph: Graph, rollouts: Collection<Rollout>, upstreams: Collection<Upstream>) =>
  graph.derive("upstream groups", rollouts, (rollout, _key, lookup) =>
    upstreamGroupOf(rollout, (ref) => lookup.has(upstreams, refKey(ref))),
  );
