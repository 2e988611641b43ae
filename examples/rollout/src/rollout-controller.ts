import type { Storage } from "epoxy";
import { createUpstreamGroupReconciler } from "epoxy/controllers";
import { createUpstreamGroupClient } from "epoxy/kinds";
import type { Clock } from "epoxy/storage";
import { createRolloutEventLoop, type RolloutSyncer } from "../generated/sdk/controllers.ts";
import { upstreamGroupOf } from "./upstream-group-of.ts";

/** Keeps an upstream group for each rollout, in any storage. */
export function createRolloutController(storage: Storage, clock?: Clock) {
  const ownerLabels = { "made-by": "rollouts" };
  const groups = createUpstreamGroupReconciler(createUpstreamGroupClient(storage), { ownerLabels, clock });
  const syncer: RolloutSyncer = {
    async sync({ snapshot: { rollouts, upstreams }, signal }) {
      const desired = rollouts.list().map((rollout) => upstreamGroupOf(rollout, (ref) => upstreams.has(ref)));
      await groups.reconcile(desired, { signal });
    },
  };
  return createRolloutEventLoop(storage, syncer, { clock });
}
