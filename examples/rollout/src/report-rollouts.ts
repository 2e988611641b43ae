import type { Storage } from "epoxy";
import { type ChangeSet, createGraph } from "epoxy/collections";
import { createUpstreamClient, createUpstreamGroupClient } from "epoxy/kinds";
import { createStatusReporter, fromWatch, type StatusEntry } from "epoxy/snapshot";
import { createRolloutClient, type Rollout } from "../generated/sdk/index.ts";
import { rolloutStatuses } from "./rollout-statuses.ts";

/** Writes the status of a rollout whenever it has become another one, until `signal` aborts. */
export async function reportRollouts(storage: Storage, signal: AbortSignal, onError: (error: Error) => void) {
  const graph = createGraph({ onError: ({ error }) => onError(error) });
  const client = createRolloutClient(storage);
  const { collection: rollouts, latest } = fromWatch(graph, "rollouts", client, { signal });
  const { collection: upstreams } = fromWatch(graph, "upstreams", createUpstreamClient(storage), { signal });
  const { collection: groups } = fromWatch(graph, "groups", createUpstreamGroupClient(storage), { signal });
  const statuses = rolloutStatuses(graph, rollouts, upstreams, groups);

  const reporter = createStatusReporter({ namespace: "rollouts", tries: Number.POSITIVE_INFINITY });
  const report = async (entries: readonly StatusEntry<Rollout>[]) => {
    const result = await reporter.report(client, entries, { signal, latest, onErrors: "return" });
    for (const { error } of result.errors) onError(error);
  };
  const aborted = signal.aborted || new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  // Before all has been read, everything would seem to be missing.
  await Promise.race([graph.whenSynced([statuses]), aborted]);
  let reported = Promise.resolve();
  const inTurn = (changes: ChangeSet<StatusEntry<Rollout>>) => {
    const entries = changes.flatMap(({ after }) => after ?? []);
    // One after the other, or an older status could be written last.
    reported = reported.then(() => report(entries));
  };
  statuses.subscribe(inTurn, { initial: true });
  await aborted;
  await reported.catch(() => undefined);
}
