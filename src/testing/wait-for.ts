export interface WaitOptions {
  /** Milliseconds; default 10,000. */
  readonly timeout?: number | undefined;
  /** Milliseconds between attempts; default 10. */
  readonly interval?: number | undefined;
}

/**
 * Resolves to the first value of `condition` that is neither false nor undefined nor null. An attempt that throws counts
 * as not yet. Rejects after the timeout, with the last attempt's error or value in the message.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, false | undefined | null>> {
  const timeout = options.timeout ?? 10_000;
  const start = performance.now();
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== false && value !== undefined && value !== null)
        return value as Exclude<T, false | undefined | null>;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() - start > timeout) {
      throw new Error(`not so within ${timeout} ms: ${condition.toString()}\nlast: ${String(last)}`, { cause: last });
    }
    await new Promise((done) => setTimeout(done, options.interval ?? 10));
  }
}
