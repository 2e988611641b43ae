import { EpoxyError } from "../errors/index.ts";
import type { Resource } from "../resources/index.ts";
import { type BackoffOptions, type Clock, createBackoff } from "./backoff.ts";
import type { WatchEvent } from "./client.ts";
import type { DriverEvent } from "./driver.ts";
import { createWatchState } from "./watch-state.ts";

export interface WatchSessionOptions<T> {
  /** One attempt at watching. Ends or throws at once when the signal aborts. */
  readonly attempt: (signal: AbortSignal) => AsyncIterable<DriverEvent<T>>;
  /** Makes an EpoxyError of anything that an attempt throws. */
  readonly toError: (error: unknown) => EpoxyError;
  readonly matches: (resource: T) => boolean;
  readonly clock: Clock;
  readonly backoff: BackoffOptions | undefined;
  /** The consumer's: its reason is thrown from the loop. */
  readonly signal: AbortSignal | undefined;
}

export interface WatchSession<T> {
  readonly events: AsyncIterator<WatchEvent<T>, undefined>;
  /** Ends the loop without an error. Resolves when all is released. */
  close(): Promise<void>;
  /** Resolves when all is released, however the session ended. */
  readonly ended: Promise<void>;
}

/** One consumer's watch: a pump that keeps a driver's watch going, and an iterator that tells what has come of it. */
export function startWatchSession<T extends Resource>(options: WatchSessionOptions<T>): WatchSession<T> {
  const { attempt, toError, clock, signal } = options;
  const state = createWatchState<T>(options.matches);
  const running = new AbortController();
  let waiting: PromiseWithResolvers<IteratorResult<WatchEvent<T>, undefined>>[] = [];
  let ended: { readonly reason: unknown } | "done" | undefined;

  const settle = (): void => {
    while (waiting.length > 0) {
      const event = ended === undefined ? state.take() : undefined;
      if (event !== undefined) waiting.shift()?.resolve({ done: false, value: event });
      else if (ended === undefined) return;
      else finish(waiting.shift());
    }
  };
  /** The first to ask after an abort gets its reason, later ones just the end. */
  const finish = (waiter: (typeof waiting)[number] | undefined): void => {
    if (ended === "done" || ended === undefined) waiter?.resolve({ done: true, value: undefined });
    else waiter?.reject(ended.reason);
    ended = "done";
  };
  const end = (how: { readonly reason: unknown } | "done"): void => {
    ended ??= how;
    signal?.removeEventListener("abort", onAbort);
    running.abort();
    settle();
  };
  const onAbort = (): void => end({ reason: signal?.reason });
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });

  const pump = async (): Promise<void> => {
    const backoff = createBackoff(clock, options.backoff);
    while (!running.signal.aborted) {
      let answered: number | undefined;
      let error: unknown;
      try {
        for await (const event of attempt(running.signal)) {
          answered ??= clock.now();
          state.apply(event);
          settle();
        }
        error = new EpoxyError("unavailable", "the source ended the watch");
      } catch (thrown) {
        error = thrown;
      }
      if (running.signal.aborted) return;
      state.fail(toError(error));
      settle();
      const delay = backoff.next(answered === undefined ? 0 : clock.now() - answered);
      // Rejects only when the watch is over.
      await clock.sleep(delay, running.signal).catch(() => undefined);
    }
  };
  const pumped = pump();

  const close = async (): Promise<void> => {
    end("done");
    await pumped;
  };
  return {
    close,
    ended: pumped,
    events: {
      next() {
        const waiter = Promise.withResolvers<IteratorResult<WatchEvent<T>, undefined>>();
        waiting = [...waiting, waiter];
        settle();
        return waiter.promise;
      },
      async return() {
        await close();
        return { done: true, value: undefined };
      },
    },
  };
}
