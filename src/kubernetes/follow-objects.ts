import { setTimeout as sleep } from "node:timers/promises";
import { EpoxyError } from "../errors/index.ts";
import type { KubernetesClient } from "./kube-client.ts";
import type { KubeObject, KubeResource, KubeScope } from "./kube-object.ts";
import type { LossGuard } from "./loss-guard.ts";
import { type TrackEvent, trackObjects } from "./track-objects.ts";

export type FollowEvent<T extends KubeObject> =
  | TrackEvent<T>
  /** Told at each failure; what is known stays valid. After it comes a `state`. */
  | { readonly type: "failed"; readonly error: EpoxyError };

const firstPause = 100;
const longestPause = 10_000;

/**
 * Keeps up with the objects of a kind: a `state`, then `changes`; after a failure, with growing, jittered pauses, a `state` again, which
 * then holds all that was missed. Ends when the signal aborts; never throws.
 *
 * @param guard a loss of etcd's data is then a failure, and what is known stays
 */
export async function* followObjects<T extends KubeObject>(
  client: KubernetesClient,
  resource: KubeResource,
  scope: KubeScope,
  signal: AbortSignal,
  guard?: LossGuard,
): AsyncGenerator<FollowEvent<T>, void, undefined> {
  let pause = firstPause;
  while (!signal.aborted) {
    try {
      for await (const event of trackObjects<T>(client, resource, scope, signal, guard)) {
        pause = firstPause;
        yield event;
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      const known =
        error instanceof EpoxyError ? error : new EpoxyError("unavailable", String(error), { cause: error });
      yield { type: "failed", error: known };
    }
    await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    pause = Math.min(pause * 2, longestPause);
  }
}
