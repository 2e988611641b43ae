import type { Collection, Graph, Value } from "../collections/index.ts";
import { EpoxyError } from "../errors/index.ts";
import { type Ref, type Resource, refKey, refOf, specEquals } from "../resources/index.ts";
import type { Problem, ResourceClient, WatchEvent, WatchOptions } from "../storage/index.ts";

/** How a watched source is doing. */
export interface SourceHealth {
  /** Why the source does not answer; what is known stays in force meanwhile. Undefined: it answers. */
  readonly stale: EpoxyError | undefined;
  /** Entries that can't be read, as they are now. */
  readonly problems: readonly Problem[];
}

export interface FromWatchOptions<T> extends WatchOptions {
  /**
   * What counts as no change. Default: the same specification, so that statuses and versions, which controllers write,
   * cause no work. The collection then keeps the object that it has; see {@link WatchedSource.latest}.
   */
  readonly equals?: ((a: T, b: T) => boolean) | undefined;
  /** Told of each event before the graph takes it over. */
  readonly onEvent?: ((event: WatchEvent<T>) => void) | undefined;
}

/** The resources of one kind as a collection, kept up to date by a watch until `close`. */
export interface WatchedSource<T> extends AsyncDisposable {
  /** By {@link refKey}. Synced once the watch has delivered its first full state. */
  readonly collection: Collection<T>;
  /** A value of the graph, named `<name> health`. */
  readonly health: Value<SourceHealth>;
  /** A resource as the watch delivered it last, with its present status and version. */
  readonly latest: (ref: Ref) => T | undefined;
  /** Has the collection count as complete though the watch may not have delivered yet, so that nobody waits for it any more. */
  markSynced(): void;
  /** Ends the watch; the content stays. Idempotent. */
  close(): Promise<void>;
}

const HEALTHY: SourceHealth = { stale: undefined, problems: [] };

/** Feeds a new source of the graph, `name`, from a client's watch. */
export function fromWatch<T extends Resource>(
  graph: Graph,
  name: string,
  client: ResourceClient<T>,
  options: FromWatchOptions<T> = {},
): WatchedSource<T> {
  const { equals = (a: T, b: T) => specEquals(client.kind, a, b), signal, onEvent, ...watchOptions } = options;
  const source = graph.source<T>(name, { equals });
  const health = graph.value<SourceHealth>(`${name} health`);
  const latest = new Map<string, T>();
  let present = HEALTHY;
  const setHealth = (change: Partial<SourceHealth>): void => health.set((present = { ...present, ...change }));

  const apply = (event: WatchEvent<T>): void => {
    onEvent?.(event);
    switch (event.type) {
      case "state":
        latest.clear();
        for (const item of event.items) latest.set(refKey(refOf(item)), item);
        source.replaceAll(latest);
        source.markSynced();
        setHealth({ problems: event.problems });
        return;
      case "changes":
        for (const item of event.changed) {
          const key = refKey(refOf(item));
          latest.set(key, item);
          source.set(key, item);
        }
        for (const ref of event.removed) {
          latest.delete(refKey(ref));
          source.delete(refKey(ref));
        }
        setHealth({ problems: event.problems });
        return;
      case "stale":
        setHealth({ stale: event.error });
        return;
      case "live":
        setHealth({ stale: undefined });
    }
  };

  const closing = new AbortController();
  const ending = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
  const pump = async (): Promise<void> => {
    try {
      for await (const event of client.watch({ ...watchOptions, signal: ending })) apply(event);
      if (!ending.aborted) setHealth({ stale: new EpoxyError("unavailable", `the watch of '${name}' has ended`) });
    } catch (error) {
      if (ending.aborted) return;
      const message = `the watch of '${name}' has ended: ${error instanceof Error ? error.message : String(error)}`;
      setHealth({ stale: new EpoxyError("unavailable", message, { cause: error }) });
    }
  };
  setHealth({});
  const pumped = pump();
  const close = (): Promise<void> => {
    closing.abort();
    return pumped;
  };
  return {
    collection: source,
    health,
    latest: (ref) => latest.get(refKey(ref)),
    markSynced: () => source.markSynced(),
    close,
    [Symbol.asyncDispose]: close,
  };
}
