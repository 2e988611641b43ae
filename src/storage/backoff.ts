import { setTimeout as sleepFor } from "node:timers/promises";

/** Time and chance, injected where tests must hold them. */
export interface Clock {
  /** Milliseconds that never go back. */
  now(): number;
  /** Rejects with the signal's reason when it aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) => sleepFor(milliseconds, undefined, { signal }),
  random: Math.random,
};

export interface BackoffOptions {
  /** Upper bound of the first delay in milliseconds; default 100. */
  readonly initial?: number | undefined;
  /** Upper bound of all delays in milliseconds; default 15,000. */
  readonly max?: number | undefined;
}

/** Delays between attempts: each bound is twice the one before, each delay falls at random in the bound's upper half. */
export interface Backoff {
  /**
   * Milliseconds to wait after an attempt that failed `lived` milliseconds after its first success (0: had none). One that lived
   * longer than the present bound starts anew; so a source that answers once and fails at once is not asked in a hurry.
   */
  next(lived: number): number;
}

export function createBackoff(clock: Clock, { initial = 100, max = 15_000 }: BackoffOptions = {}): Backoff {
  let bound = initial;
  return {
    next(lived) {
      if (lived > bound) bound = initial;
      const delay = bound * (0.5 + clock.random() / 2);
      bound = Math.min(bound * 2, max);
      return delay;
    },
  };
}
