/** Milliseconds after which the graph begins without a source that neither answers nor fails. */
const PATIENCE_MS = 15_000;

/** When the flushes of a graph are run, the first of them held up. */
export interface FirstFlush {
  /** For the graph. */
  schedule(flush: () => void): void;
  /** Lets the first one, and all later ones, go. Idempotent. */
  release(): void;
}

/**
 * Holds the first flush until what it needs is there: what is derived while a kind is still being read is derived again once that is read,
 * which would be a third of all the work of a start. `scheduleFirst` runs that one, `schedule` all others.
 */
export function holdFirstFlush(
  schedule: (flush: () => void) => void,
  scheduleFirst: (flush: () => void) => void = schedule,
): FirstFlush {
  let held: (() => void) | undefined;
  let isReleased = false;
  const release = (): void => {
    if (isReleased) return;
    isReleased = true;
    clearTimeout(timer);
    if (held !== undefined) scheduleFirst(held);
  };
  const timer = setTimeout(release, PATIENCE_MS).unref();
  return {
    schedule(flush) {
      if (isReleased) schedule(flush);
      else held = flush;
    },
    release,
  };
}
