import type { Clock } from "../../../src/storage/index.ts";

/** A clock that stands still until it is told otherwise. Its chance always gives the shortest pause. */
export function manualClock() {
  let time = 1_000_000;
  let sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  const clock: Clock = {
    now: () => time,
    random: () => 0,
    sleep: (milliseconds, signal) =>
      new Promise((wake, reject) => {
        const sleeper = { at: time + milliseconds, wake };
        sleepers.push(sleeper);
        signal.addEventListener("abort", () => {
          sleepers = sleepers.filter((other) => other !== sleeper);
          reject(signal.reason as Error);
        });
      }),
  };
  return {
    ...clock,
    advance: (milliseconds: number): void => {
      time += milliseconds;
      const due = sleepers.filter(({ at }) => at <= time);
      sleepers = sleepers.filter(({ at }) => at > time);
      for (const { wake } of due) wake();
    },
    /** Milliseconds until the next one wakes. */
    pauses: () => sleepers.map(({ at }) => at - time).sort((a, b) => a - b),
  };
}
