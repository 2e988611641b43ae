import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../storage/index.ts";

export interface FakeClockOptions {
  /** Milliseconds that the clock shows at first; default 0. */
  readonly now?: number | undefined;
  /** What `random` returns, which spreads pauses: 0 (default) makes each as short as it may be. */
  readonly random?: number | undefined;
}

/** A clock that stands still until it is told to go on. */
export interface FakeClock extends Clock {
  /**
   * Moves the time on and ends the pauses that are due, earliest first; each sleeper sees the time at which its pause ends, and
   * what it sleeps next counts from there. Resolves when nothing more is due.
   */
  advance(milliseconds: number): Promise<void>;
  /** Milliseconds that are left of each pause under way, shortest first. */
  pauses(): readonly number[];
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Makes a clock for the `clock` option of event loops, reconcilers and storages. */
export function createFakeClock({ now = 0, random = 0 }: FakeClockOptions = {}): FakeClock {
  let time = now;
  const sleepers = new Set<Sleeper>();
  const earliest = (): Sleeper | undefined =>
    [...sleepers].reduce<Sleeper | undefined>(
      (first, next) => (first && first.at <= next.at ? first : next),
      undefined,
    );
  return {
    now: () => time,
    random: () => random,
    sleep(milliseconds, signal) {
      return new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const stop = (): void => {
          sleepers.delete(sleeper);
          reject(signal.reason as Error);
        };
        const sleeper = {
          at: time + milliseconds,
          wake: () => {
            signal.removeEventListener("abort", stop);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal.addEventListener("abort", stop, { once: true });
      });
    },
    async advance(milliseconds) {
      const end = time + milliseconds;
      for (let next = earliest(); next !== undefined && next.at <= end; next = earliest()) {
        time = Math.max(time, next.at);
        sleepers.delete(next);
        next.wake();
        // What the sleeper does next may be to sleep again.
        await nextTurn();
      }
      time = end;
    },
    pauses: () => [...sleepers].map(({ at }) => at - time).sort((a, b) => a - b),
  };
}
