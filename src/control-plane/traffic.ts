import { setTimeout as sleep } from "node:timers/promises";
import type { XdsEvents } from "../xds/index.ts";

/** When proxies are busy with what was changed, so that work which can wait gives way to it. */
export interface Traffic {
  /** What is served has changed. */
  changed(): void;
  readonly xdsEvents: XdsEvents;
  /**
   * Resolves when nothing has happened for a while and no proxy has anything unanswered; at once if that is so already. Changes that never
   * stop and proxies that never answer hold it up for some hundred milliseconds each time, not for ever.
   * @throws the signal's reason
   */
  quiet(signal?: AbortSignal): Promise<void>;
}

/** Milliseconds after the last event: on few processors, proxies need them to take what they were sent. */
const QUIET_MS = 30;
/** Milliseconds for which a proxy may have something unanswered before it counts as one that doesn't answer. */
const ANSWER_MS = 2_000;
/** Milliseconds after which whoever waits has its turn though changes go on. */
const PATIENCE_MS = 250;

export function observeTraffic(): Traffic {
  let last = Number.NEGATIVE_INFINITY;
  /** Responses that aren't answered yet, by stream. */
  const unanswered = new Map<number, number>();
  const happened = (): void => {
    last = performance.now();
  };
  const answered = ({ stream: { id } }: { stream: { readonly id: number } }): void => {
    happened();
    const left = (unanswered.get(id) ?? 0) - 1;
    if (left > 0) unanswered.set(id, left);
    else unanswered.delete(id);
  };
  return {
    changed: happened,
    xdsEvents: {
      onStreamOpen: happened,
      onStreamClose: ({ id }) => void unanswered.delete(id),
      onSend({ stream: { id } }) {
        happened();
        unanswered.set(id, (unanswered.get(id) ?? 0) + 1);
      },
      onAck: answered,
      onNack: answered,
    },
    async quiet(signal) {
      for (const begun = performance.now(); ; ) {
        const now = performance.now();
        const since = now - last;
        const isAnswering = unanswered.size > 0 && since < ANSWER_MS;
        if (since >= QUIET_MS && !isAnswering) return;
        if (!isAnswering && now - begun > PATIENCE_MS) return;
        await sleep(Math.max(1, QUIET_MS - since), undefined, { signal });
      }
    },
  };
}
