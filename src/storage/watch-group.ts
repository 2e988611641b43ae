import { EpoxyError } from "../errors/index.ts";
import type { Resource } from "../resources/index.ts";
import type { WatchEvent } from "./client.ts";

/** An event of one of several watches. */
export interface SourceEvent<T> {
  /** The name under which the watch was added: a cluster, a secret store. */
  readonly source: string;
  readonly event: WatchEvent<T>;
}

/**
 * Several watches of one kind as one stream. Sources are kept apart by name: equal refs don't mix, and one that fails is stale
 * alone. They come and go while the stream runs; of one that goes the last event is an empty `state`. To be read by one loop.
 */
export interface WatchGroup<T> extends AsyncIterable<SourceEvent<T>> {
  /** @throws `already_exists` if the name is taken */
  add(source: string, watch: AsyncIterable<WatchEvent<T>>): void;
  /** Ends a source's watch, as the end of the watch itself does. Does nothing if there is none. */
  remove(source: string): void;
}

/** @param signal ends the stream, and the watches with it */
export function createWatchGroup<T extends Resource>(signal: AbortSignal): WatchGroup<T> {
  const sources = new Map<string, AsyncIterator<WatchEvent<T>>>();
  /** At most one per source: its watch goes on coalescing while the consumer is slow. */
  let arrived: {
    readonly source: string;
    readonly from: AsyncIterator<WatchEvent<T>>;
    readonly event: WatchEvent<T>;
  }[] = [];
  const gone: string[] = [];
  let wake: (() => void) | undefined;
  const wakeUp = (): void => wake?.();

  const forget = (source: string, from: AsyncIterator<WatchEvent<T>>): void => {
    if (sources.get(source) !== from) return;
    sources.delete(source);
    arrived = arrived.filter((arrival) => arrival.from !== from);
    gone.push(source);
    wakeUp();
  };
  const ask = (source: string, from: AsyncIterator<WatchEvent<T>>): void => {
    const take = (result: IteratorResult<WatchEvent<T>>): void => {
      if (result.done === true) forget(source, from);
      else if (sources.get(source) === from) arrived.push({ source, from, event: result.value });
      wakeUp();
    };
    // A watch fails with its own signal's reason only: whoever aborted it knows.
    from.next().then(take, () => forget(source, from));
  };

  return {
    add(source, watch) {
      if (sources.has(source)) throw new EpoxyError("already_exists", `the group has a source ${source} already`);
      const from = watch[Symbol.asyncIterator]();
      sources.set(source, from);
      ask(source, from);
    },
    remove(source) {
      const from = sources.get(source);
      if (from === undefined) return;
      forget(source, from);
      void from.return?.();
    },
    async *[Symbol.asyncIterator]() {
      signal.addEventListener("abort", wakeUp, { once: true });
      try {
        for (;;) {
          signal.throwIfAborted();
          const name = gone.shift();
          const arrival = name === undefined ? arrived.shift() : undefined;
          if (name !== undefined) yield { source: name, event: { type: "state", items: [], problems: [] } };
          else if (arrival !== undefined) {
            const { source, from, event } = arrival;
            yield { source, event };
            if (sources.get(source) === from) ask(source, from);
          } else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        signal.removeEventListener("abort", wakeUp);
        await Promise.all([...sources.values()].map(async (from) => await from.return?.()));
        sources.clear();
      }
    },
  };
}
