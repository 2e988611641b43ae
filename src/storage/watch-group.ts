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
  /** Ends a source's watch. Does nothing if there is none. */
  remove(source: string): void;
}

/** @param signal ends the stream, and the watches with it */
export function createWatchGroup<T extends Resource>(signal: AbortSignal): WatchGroup<T> {
  interface Source {
    readonly events: AsyncIterator<WatchEvent<T>>;
    /** Asked for at most one event ahead, so that each watch goes on coalescing for a slow consumer. */
    pending: Promise<Arrival> | undefined;
  }
  interface Arrival {
    readonly source: string;
    readonly from: Source;
    readonly result: IteratorResult<WatchEvent<T>>;
  }
  const sources = new Map<string, Source>();
  const removed: string[] = [];
  let changed = Promise.withResolvers<void>();

  const notify = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const ask = (name: string, source: Source): Promise<Arrival> =>
    (source.pending ??= source.events.next().then((result) => ({ source: name, from: source, result })));

  return {
    add(source, watch) {
      if (sources.has(source)) throw new EpoxyError("already_exists", `the group has a source ${source} already`);
      sources.set(source, { events: watch[Symbol.asyncIterator](), pending: undefined });
      notify();
    },
    remove(source) {
      const found = sources.get(source);
      if (found === undefined) return;
      sources.delete(source);
      removed.push(source);
      void found.events.return?.();
      notify();
    },
    async *[Symbol.asyncIterator]() {
      const aborted = Promise.withResolvers<undefined>();
      const onAbort = () => aborted.resolve(undefined);
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        while (!signal.aborted) {
          for (let name = removed.shift(); name !== undefined; name = removed.shift()) {
            yield { source: name, event: { type: "state", items: [], problems: [] } };
          }
          const turn = changed.promise.then(() => undefined);
          const arrivals = [...sources].map(([name, source]) => ask(name, source));
          const arrival = await Promise.race([...arrivals, turn, aborted.promise]);
          if (arrival === undefined) continue;
          const { source, from, result } = arrival;
          from.pending = undefined;
          if (sources.get(source) !== from) continue;
          if (result.done === true) sources.delete(source);
          else yield { source, event: result.value };
        }
        signal.throwIfAborted();
      } finally {
        signal.removeEventListener("abort", onAbort);
        await Promise.all([...sources.values()].map(({ events }) => events.return?.()));
        sources.clear();
      }
    },
  };
}
