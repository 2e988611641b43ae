import type { KubernetesClient } from "./kube-client.ts";
import { kubeFailure } from "./kube-errors.ts";
import { type KubeObject, type KubeResource, type KubeScope, objectKey } from "./kube-object.ts";
import type { LossGuard } from "./loss-guard.ts";

/** `state`: all that is there. `changes`: what has happened since. `progress`: nothing has, up to now. */
export type TrackEvent<T extends KubeObject> =
  | { readonly type: "state"; readonly objects: readonly T[] }
  | {
      readonly type: "changes";
      /** Created or changed; the newest version of each. */
      readonly changed: readonly T[];
      /** As they were last. */
      readonly deleted: readonly T[];
      /** When the server told of it, by `performance.now()`. */
      readonly seenAt: number;
    };

/**
 * Lists, then watches, for as long as it can: a watch that ends or breaks is taken up once where it stopped; where history is gone (410) all is
 * listed anew and told as a `state`. Ends when the signal aborts.
 * @param guard of the same scope, kept from call to call: what is lost is then an error, not deleted
 * @throws `unavailable` when the server can't be reached or refuses; call it again after a pause
 */
export async function* trackObjects<T extends KubeObject>(
  client: KubernetesClient,
  resource: KubeResource,
  scope: KubeScope,
  signal: AbortSignal,
  guard?: LossGuard,
): AsyncGenerator<TrackEvent<T>, void, undefined> {
  while (!signal.aborted) {
    const check = guard?.asking();
    const list = await client.list<T>(resource, scope, { signal });
    check?.(list, client.address);
    yield { type: "state", objects: list.items };
    let version = list.resourceVersion;
    let broken = false;
    while (!signal.aborted) {
      try {
        for await (const { events, arrivedAt } of client.watch<T>(resource, scope, version, { signal })) {
          broken = false;
          guard?.note(events);
          version = events.at(-1)?.object.metadata?.resourceVersion ?? version;
          const last = new Map(
            events.filter(({ type }) => type !== "bookmark").map((event) => [objectKey(event.object), event]),
          );
          if (last.size === 0) continue;
          const told = [...last.values()];
          yield {
            type: "changes",
            changed: told.flatMap(({ type, object }) => (type === "set" ? [object] : [])),
            deleted: told.flatMap(({ type, object }) => (type === "deleted" ? [object] : [])),
            seenAt: arrivedAt,
          };
        }
      } catch (error) {
        if (signal.aborted) return;
        if (kubeFailure(error)?.httpStatus === 410) break;
        // A connection that ended is no failure, unless the next one fails as well.
        if (broken || kubeFailure(error) !== undefined) throw error;
        broken = true;
      }
    }
  }
}
