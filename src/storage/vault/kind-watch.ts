import type { Resource } from "../../resources/index.ts";
import type { Clock } from "../backoff.ts";
import type { DriverEvent } from "../driver.ts";
import type { KindState } from "./kind-state.ts";

/** Watches by looking: Vault tells nobody of changes. */
export interface KindWatch<T> {
  /** See `StorageDriver.watch`. */
  watch(namespaces: readonly string[] | undefined, signal: AbortSignal): AsyncIterable<DriverEvent<T>>;
  /** Looks at once: this process has written. */
  hurry(): void;
}

export function createKindWatch<T extends Resource>(
  state: KindState<T>,
  refreshInterval: number,
  clock: Clock,
): KindWatch<T> {
  const waiting = new Set<AbortController>();
  /** Counts what this process wrote, so that none of it is missed by a look that was under way. */
  let writes = 0;
  return {
    async *watch(namespaces, signal) {
      while (!signal.aborted) {
        const seen = writes;
        const { entries, problems } = await state.scan(namespaces, signal);
        // The runtime finds out what has changed: equal versions are equal resources.
        yield { type: "state", entries, problems };
        if (seen === writes) await pause(signal);
      }
    },
    hurry() {
      writes++;
      for (const controller of waiting) controller.abort();
    },
  };

  async function pause(signal: AbortSignal): Promise<void> {
    const controller = new AbortController();
    const onAbort = (): void => controller.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    waiting.add(controller);
    try {
      if (!signal.aborted) await clock.sleep(refreshInterval, controller.signal).catch(() => undefined);
    } finally {
      waiting.delete(controller);
      signal.removeEventListener("abort", onAbort);
    }
  }
}
