import { EpoxyError, errorCode } from "../errors/index.ts";
import { type BackoffOptions, type Clock, createBackoff } from "../storage/index.ts";

export interface RetryOptions {
  /** How often something is tried that fails by a conflict or because the storage does not answer. Default 5. */
  readonly tries?: number | undefined;
  readonly backoff?: BackoffOptions | undefined;
  readonly clock?: Clock | undefined;
}

/** Writes at one time: enough to hide a storage's latency, few enough to leave it to others, too. */
export const CONCURRENCY = 8;

/**
 * Runs `attempt` until it does not fail with `conflict` or `unavailable`, with growing pauses, at most `tries` times.
 * @throws the last attempt's error, or the signal's reason
 */
export async function retry<R>(
  attempt: (number: number) => Promise<R>,
  clock: Clock,
  signal: AbortSignal,
  { tries = 5, backoff = {} }: RetryOptions,
): Promise<R> {
  const pauses = createBackoff(clock, { initial: backoff.initial ?? 20, max: backoff.max ?? 1000 });
  for (let number = 1; ; number++) {
    signal.throwIfAborted();
    try {
      return await attempt(number);
    } catch (error) {
      signal.throwIfAborted();
      const code = errorCode(error);
      if (number >= tries || (code !== "conflict" && code !== "unavailable")) throw error;
      await clock.sleep(pauses.next(0), signal);
    }
  }
}

/** An EpoxyError about a resource, of whatever was thrown. */
export function toEpoxyError(error: unknown, what: string, resource: string): EpoxyError {
  const message = error instanceof Error ? error.message : String(error);
  return new EpoxyError(errorCode(error) ?? "invalid", `${what}: ${message}`, { cause: error, resource });
}
