/** How changes are grouped before they are sent, in milliseconds. */
export interface Batching {
  /** After a first change, which goes at once, the next ones go when nothing has changed for this long. 0: each turn of the event loop. */
  readonly quietMs: number;
  /** But no change waits longer than this. */
  readonly maxWaitMs: number;
}

/** Collects what has news, and hands each on once per batch. */
export interface Batcher<Item> {
  add(item: Item): void;
  delete(item: Item): void;
  /** Whether it waits for a batch that has to be quiet first. */
  waits(item: Item): boolean;
  /** Groups like this from now on. What waits is handed on with the next turn of the event loop. */
  set(batching: Batching): void;
  close(): void;
}

/** A batch for thousands of streams is cut into slices of this many milliseconds, so that requests are answered in between. */
const SLICE_MS = 8;

export function createBatcher<Item>(batching: Batching, handle: (item: Item) => void): Batcher<Item> {
  let { quietMs, maxWaitMs } = batching;
  const items = new Set<Item>();
  let lastChange = Number.NEGATIVE_INFINITY;
  let waitingSince: number | undefined;
  let immediate: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;

  function run(): void {
    immediate = undefined;
    timer = undefined;
    waitingSince = undefined;
    const sliceEnd = performance.now() + SLICE_MS;
    for (const item of items) {
      items.delete(item);
      handle(item);
      if (performance.now() < sliceEnd || items.size === 0) continue;
      immediate = setImmediate(run);
      return;
    }
  }

  return {
    add(item) {
      items.add(item);
      if (immediate !== undefined) return;
      const now = performance.now();
      const idle = now - lastChange >= quietMs;
      lastChange = now;
      if (timer === undefined && idle) {
        immediate = setImmediate(run);
        return;
      }
      waitingSince ??= now;
      clearTimeout(timer);
      timer = setTimeout(run, Math.max(0, Math.min(quietMs, waitingSince + maxWaitMs - now)));
    },
    delete(item) {
      items.delete(item);
    },
    waits: (item) => timer !== undefined && items.has(item),
    set(next) {
      ({ quietMs, maxWaitMs } = next);
      if (timer === undefined) return;
      clearTimeout(timer);
      timer = undefined;
      waitingSince = undefined;
      immediate = setImmediate(run);
    },
    close() {
      items.clear();
      clearImmediate(immediate);
      clearTimeout(timer);
    },
  };
}
