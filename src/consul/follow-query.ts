import { setTimeout as sleep } from "node:timers/promises";
import { EpoxyError } from "../errors/index.ts";
import { type BlockingAnswer, blockingQuery } from "./blocking-query.ts";
import type { ConsulAnswer } from "./consul-queries.ts";

export type FollowEvent<T> =
  | (BlockingAnswer<T> & {
      readonly type: "answer";
      /** The first one since the start or a failure. */
      readonly isFirst: boolean;
    })
  | { readonly type: "failed"; readonly error: EpoxyError };

const firstPause = 100;
const longestPause = 5_000;

/** A blocking query that goes on after failures, with growing, jittered pauses. Ends when the signal aborts; never throws. */
export async function* followQuery<T>(
  ask: (index: number | undefined) => Promise<ConsulAnswer<T>>,
  signal: AbortSignal,
): AsyncGenerator<FollowEvent<T>, void, undefined> {
  let last = 0;
  let pause = firstPause;
  while (!signal.aborted) {
    let isFirst = true;
    try {
      for await (const answer of blockingQuery(ask, signal, last)) {
        last = answer.index;
        pause = firstPause;
        yield { type: "answer", ...answer, isFirst };
        isFirst = false;
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
