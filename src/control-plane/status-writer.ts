import type { Collection } from "../collections/index.ts";
import { errorCode } from "../errors/index.ts";
import { parseRefKey, type Ref, refKey, type Resource } from "../resources/index.ts";
import type { StatusReporter, WatchedSource } from "../snapshot/index.ts";
import type { ResourceClient } from "../storage/index.ts";
import type { Logger } from "./logger.ts";
import type { JudgedResource } from "./status-graph.ts";

/** One kind's statuses and where they go. */
export interface StatusTarget {
  readonly statuses: Collection<JudgedResource>;
  readonly client: ResourceClient<Resource>;
  readonly source: WatchedSource<Resource>;
}

export interface StatusWriter extends AsyncDisposable {
  /** Ends writing; what is under way is aborted. Idempotent. */
  close(): Promise<void>;
}

const RETRY_MS = 2_000;

/** Milliseconds that a verdict waits: what it is about is on its way to the proxies, who may need this machine's processors. */
const DELAY_MS = 30;

/** So many at a time: a change that comes meanwhile has to wait for their rest. */
const BATCH = 2;

/**
 * Writes statuses as they change: never before the graph is complete, one batch at a time for each kind, only the latest verdict on each
 * resource. What has changed last goes before what a start has brought. A resource whose status can't be written now is tried again, and holds
 * nothing else up.
 *
 * @param quiet resolves when proxies aren't busy with a change: each batch waits for it
 */
export function writeStatuses(
  targets: readonly StatusTarget[],
  reporter: StatusReporter,
  logger: Logger,
  quiet: (signal: AbortSignal) => Promise<void>,
): StatusWriter {
  const closing = new AbortController();
  const running = new Set<Promise<void>>();
  const ends = targets.map((target) => watchTarget(target, reporter, logger, quiet, closing.signal, running));
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closed ??= (async () => {
      for (const end of ends) end();
      closing.abort();
      await Promise.allSettled(running);
    })());
  return { close, [Symbol.asyncDispose]: close };
}

function watchTarget(
  { statuses, client, source }: StatusTarget,
  reporter: StatusReporter,
  logger: Logger,
  quiet: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
  running: Set<Promise<void>>,
): () => void {
  const pending = new Map<string, JudgedResource>();
  /** Those of `pending` that have changed since the start. */
  const fresh = new Set<string>();
  const failed = new Set<string>();
  let busy = false;
  let started = false;
  let timer: NodeJS.Timeout | undefined;
  let delay: NodeJS.Timeout | undefined;

  const run = async (): Promise<void> => {
    while (pending.size > 0 && !signal.aborted) {
      await quiet(signal);
      const batch = nextBatch();
      const { errors } = await reporter.report(client, batch, { signal, latest: source.latest, onErrors: "return" });
      for (const { ref, error } of errors) {
        const fields = { kind: client.kind.kind, namespace: ref.namespace, name: ref.name, code: errorCode(error) };
        logger.warn(fields, `status not written: ${error.message}`);
        later(refKey(ref));
      }
    }
  };
  const nextBatch = (): (JudgedResource & { readonly ref: Ref })[] => {
    const batch: (JudgedResource & { readonly ref: Ref })[] = [];
    for (const keys of [fresh, pending.keys()]) {
      for (const key of keys) {
        if (batch.length === BATCH) return batch;
        const judged = pending.get(key);
        if (judged !== undefined) batch.push({ ref: parseRefKey(key), ...judged });
        pending.delete(key);
        fresh.delete(key);
      }
    }
    return batch;
  };
  const later = (key: string): void => {
    failed.add(key);
    timer ??= setTimeout(() => {
      timer = undefined;
      for (const again of failed) {
        const judged = statuses.get(again);
        if (judged !== undefined) pending.set(again, judged);
      }
      failed.clear();
      start();
    }, RETRY_MS).unref();
  };
  const start = (): void => {
    if (busy || pending.size === 0) return;
    delay ??= setTimeout(startNow, DELAY_MS).unref();
  };
  const startNow = (): void => {
    delay = undefined;
    if (busy || pending.size === 0) return;
    busy = true;
    const work = run()
      .catch((error: unknown) => {
        if (!signal.aborted) logger.error({ kind: client.kind.kind, err: error }, "writing statuses failed");
      })
      .finally(() => {
        busy = false;
        running.delete(work);
        if (!signal.aborted) start();
      });
    running.add(work);
  };

  const end = statuses.subscribe(
    (changes, { synced }) => {
      // What changes meanwhile is found when all is known again.
      if (!synced) started = false;
      else if (!started) {
        started = true;
        for (const key of statuses.keys()) pending.set(key, statuses.get(key) as JudgedResource);
      } else {
        for (const { key, after } of changes) {
          if (after === undefined) pending.delete(key);
          else {
            pending.set(key, after);
            fresh.add(key);
          }
        }
      }
      if (synced) start();
    },
    { initial: true },
  );
  return () => {
    end();
    clearTimeout(timer);
    clearTimeout(delay);
  };
}
