import { setTimeout as sleep } from "node:timers/promises";

/** How many requests may be made. */
export interface RequestRate {
  /** A second, on average; more than 0. */
  readonly qps: number;
  /** At once; 1 or more. */
  readonly burst: number;
}

/**
 * What each request waits for: after a burst, requests leave one after the other, in the order in which they were asked for.
 * The result resolves when it is the request's turn, or when the signal aborts.
 */
export function limitRequests({ qps, burst }: RequestRate): (signal: AbortSignal) => Promise<void> {
  const interval = 1000 / qps;
  /** When all of the burst may be had again. */
  let restored = 0;
  return async (signal) => {
    const now = performance.now();
    restored = Math.max(restored, now) + interval;
    const wait = restored - now - burst * interval;
    if (wait > 0) await sleep(wait, undefined, { signal }).catch(() => {});
  };
}
