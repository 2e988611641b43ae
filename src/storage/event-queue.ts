/** A queue between code that pushes and one loop that awaits. For drivers, whose one reader (the runtime) is quick. */
export interface EventQueue<E> {
  push(event: E): void;
  /** The reader gets what was pushed before, then this error. */
  fail(error: unknown): void;
  /** Ends when the signal aborts. To be read once. */
  read(signal: AbortSignal): AsyncGenerator<E, void, undefined>;
}

export function createEventQueue<E>(): EventQueue<E> {
  let events: E[] = [];
  let failure: { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;
  const wakeUp = (): void => wake?.();
  return {
    push(event) {
      events.push(event);
      wakeUp();
    },
    fail(error) {
      failure ??= { error };
      wakeUp();
    },
    async *read(signal) {
      signal.addEventListener("abort", wakeUp, { once: true });
      try {
        while (!signal.aborted) {
          const batch = events;
          events = [];
          for (const event of batch) yield event;
          if (events.length > 0 || signal.aborted) continue;
          if (failure !== undefined) throw failure.error;
          await new Promise<void>((resolve) => (wake = resolve));
          wake = undefined;
        }
      } finally {
        signal.removeEventListener("abort", wakeUp);
      }
    },
  };
}
