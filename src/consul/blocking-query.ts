import { setTimeout as sleep } from "node:timers/promises";
import type { ConsulAnswer } from "./consul-queries.ts";

/** An answer of a blocking query, with what its index says of the state before it. */
export interface BlockingAnswer<T> extends ConsulAnswer<T> {
  /** The index went back: Consul has lost state, was restored, or has forgotten old deletions. */
  readonly wentBack: boolean;
}

/**
 * Asks again and again, waiting for each next change, and yields an answer per change of the index; the first at once. Ends when
 * the signal aborts; throws when a call fails. The rules for indexes are Consul's own
 * (https://developer.hashicorp.com/consul/api-docs/features/blocking): one that goes back is forgotten.
 *
 * @param last the index known from an earlier run, to tell whether it went back.
 */
export async function* blockingQuery<T>(
  ask: (index: number | undefined) => Promise<ConsulAnswer<T>>,
  signal: AbortSignal,
  last = 0,
): AsyncGenerator<BlockingAnswer<T>, void, undefined> {
  let wait: number | undefined;
  for (;;) {
    const asked = performance.now();
    const answer = await ask(wait);
    if (signal.aborted) return;
    const wentBack = answer.index < last;
    if (wait === undefined || answer.index !== last) yield { ...answer, wentBack };
    // Something on the way that ignores the index must not make a busy loop.
    else if (performance.now() - asked < 100) await sleep(1_000, undefined, { signal });
    if (signal.aborted) return;
    last = answer.index;
    wait = answer.index;
  }
}
