import { setTimeout as sleep } from "node:timers/promises";
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

/** So many at a time; what is left then waits this many times as long as they took: statuses must not keep traffic waiting. */
const BATCH = 16;
const PAUSE = 2;

/**
 * Writes statuses as they change: never before the graph is complete, one batch at a time for each kind and with pauses, only the
 * latest verdict on each resource. A resource whose status can't be written now is tried again, and holds nothing else up.
 */
export function writeStatuses(
  targets: readonly StatusTarget[],
  reporter: StatusReporter,
  logger: Logger,
): StatusWriter {
  const closing = new AbortController();
  const running = new Set<Promise<void>>();
  const ends = targets.map((target) => watchTarget(target, reporter, logger, closing.signal, running));
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
  signal: AbortSignal,
  running: Set<Promise<void>>,
): () => void {
  const pending = new Map<string, JudgedResource>();
  const failed = new Set<string>();
  let busy = false;
  let started = false;
  let timer: NodeJS.Timeout | undefined;
  let delay: NodeJS.Timeout | undefined;

  const run = async (): Promise<void> => {
    while (pending.size > 0 && !signal.aborted) {
      const batch: (JudgedResource & { readonly ref: Ref })[] = [];
      for (const [key, judged] of pending) {
        if (batch.length === BATCH) break;
        batch.push({ ref: parseRefKey(key), ...judged });
        pending.delete(key);
      }
      const begun = performance.now();
      const { errors } = await reporter.report(client, batch, { signal, latest: source.latest, onErrors: "return" });
      for (const { ref, error } of errors) {
        const fields = { kind: client.kind.kind, namespace: ref.namespace, name: ref.name, code: errorCode(error) };
        logger.warn(fields, `status not written: ${error.message}`);
        later(refKey(ref));
      }
      if (pending.size > 0) await sleep(PAUSE * (performance.now() - begun), undefined, { signal });
    }
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
          else pending.set(key, after);
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
