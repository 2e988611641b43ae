import { Observable, type Subscriber } from "rxjs";
import type { EpoxyError } from "../errors/index.ts";
import type { Selector } from "../resources/index.ts";
import type { Clock, ResourceClient, Storage } from "../storage/index.ts";
import type { SourceHealth } from "./from-watch.ts";
import { LoopRunner } from "./loop-runner.ts";
import type { ResourceOf, Snapshot, SnapshotChanges, SnapshotShape } from "./snapshot.ts";
import type { BatchOptions } from "./sync-schedule.ts";

export interface SyncEvent<S extends SnapshotShape> {
  readonly snapshot: Snapshot<S>;
  /**
   * What has changed since the last sync that succeeded, or, before that, everything as added. What a failed or aborted
   * sync was told is told again, even if it has become what it was.
   */
  readonly changes: SnapshotChanges<S>;
  /** Aborts when the loop ends, and in mode `abort` when a newer snapshot is there. */
  readonly signal: AbortSignal;
}

/** What a controller does. */
export interface Syncer<S extends SnapshotShape> {
  /** Never runs twice at once. Throwing means: try again later. Having been aborted counts as not done. */
  sync(event: SyncEvent<S>): void | Promise<void>;
}

/** Something went wrong; the loop goes on. */
export type EventLoopError =
  | { readonly type: "sync"; readonly error: Error; readonly failures: number; readonly retryInMs: number }
  | { readonly type: "source"; readonly member: string; readonly error: EpoxyError };

/** Which resources of one kind to watch. */
export interface Scope {
  /** Empty or absent: all. Kinds of cluster scope have none. */
  readonly namespaces?: readonly string[] | undefined;
  readonly selector?: Selector | undefined;
}

/** How to watch and when to sync. */
export interface EventLoopOptions<S extends SnapshotShape> extends BatchOptions, Scope {
  /** Scopes of single members, in place of the common one. */
  readonly scopes?: { readonly [Member in keyof S]?: Scope | undefined } | undefined;
  /**
   * What a newer snapshot does to a running sync: it waits for its end (`follow`, default), or aborts its signal and then waits
   * (`abort`). A sync that has been aborted again and again for ten times the maximum wait is let through.
   */
  readonly mode?: "follow" | "abort" | undefined;
  readonly onError?: ((error: EventLoopError) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/** Where the resources come from: one storage for all kinds, or a storage or client for each. */
export type SnapshotSources<S extends SnapshotShape> =
  | Storage
  | { readonly [Member in keyof S]: Storage | ResourceClient<ResourceOf<S[Member]>> };

export interface EventLoopHealth<S extends SnapshotShape> {
  /** Whether a sync has ever succeeded. */
  readonly ready: boolean;
  /** Revision of the last snapshot that was synced successfully; 0: none. */
  readonly syncedRevision: number;
  /** Failed syncs since the last success, and the last one's error. */
  readonly failures: number;
  readonly lastError: Error | undefined;
  readonly sources: { readonly [Member in keyof S]: SourceHealth & { readonly synced: boolean } };
}

/** Calls a syncer with a snapshot of several kinds whenever one of them has changed. */
export interface EventLoop<S extends SnapshotShape = SnapshotShape> extends AsyncDisposable {
  /**
   * Starts (once) and resolves when the loop has ended, by `signal` or by `close`. Never rejects. The first sync comes when all
   * sources have delivered their full state.
   */
  run(signal?: AbortSignal): Promise<void>;
  /** Resolves after the first successful sync; rejects (`unavailable`) if the loop ends before. */
  readonly ready: Promise<void>;
  readonly errors$: Observable<EventLoopError>;
  /** The last snapshot that was synced, or tried. */
  readonly snapshot: Snapshot<S> | undefined;
  health(): EventLoopHealth<S>;
  /** Aborts a running sync, ends the watches and waits for both. Idempotent. */
  close(): Promise<void>;
}

/**
 * Makes an event loop over the kinds of a shape. Nothing happens before `run`.
 *
 * ```ts
 * const loop = createEventLoop({ upstreams: upstreamKind }, storage, {
 *   async sync({ snapshot, changes, signal }) {
 *     console.log(`${snapshot.upstreams.size} upstreams, ${changes.upstreams.added.length} of them new`);
 *   },
 * });
 * await loop.run(signal);
 * ```
 */
export function createEventLoop<S extends SnapshotShape>(
  shape: S,
  sources: SnapshotSources<S>,
  syncer: Syncer<S>,
  options: EventLoopOptions<S> = {},
): EventLoop<S> {
  return new LoopRunner(shape, sources, syncer, options);
}

/** The snapshots of an event loop as an Observable; each subscription is a loop of its own. It never ends by itself. */
export function snapshot$<S extends SnapshotShape>(
  shape: S,
  sources: SnapshotSources<S>,
  options: EventLoopOptions<S> = {},
): Observable<SyncEvent<S>> {
  return new Observable((subscriber: Subscriber<SyncEvent<S>>) => {
    const loop = createEventLoop(shape, sources, { sync: (event) => subscriber.next(event) }, options);
    void loop.run();
    return () => void loop.close();
  });
}
