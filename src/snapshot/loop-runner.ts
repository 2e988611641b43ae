import { Observable, Subject } from "rxjs";
import { createGraph } from "../collections/index.ts";
import { EpoxyError } from "../errors/index.ts";
import type { AnyKind } from "../resources/index.ts";
import { type Clock, type ResourceClient, type Storage, systemClock } from "../storage/index.ts";
import type {
  EventLoop,
  EventLoopError,
  EventLoopHealth,
  EventLoopOptions,
  Scope,
  SnapshotSources,
  Syncer,
} from "./event-loop.ts";
import { fromWatch, type WatchedSource } from "./from-watch.ts";
import { PendingChanges } from "./pending-changes.ts";
import type { ResourceChanges, Snapshot, SnapshotChanges, SnapshotShape } from "./snapshot.ts";
import { SyncSchedule } from "./sync-schedule.ts";

interface Member {
  readonly kind: AnyKind;
  readonly client: ResourceClient<any>;
  readonly pending: PendingChanges<any>;
  source: WatchedSource<any> | undefined;
}

/** The event loop: watches feed a graph, the graph's flushes feed the schedule, and one async function does the rest. */
export class LoopRunner<S extends SnapshotShape> implements EventLoop<S> {
  readonly #syncer: Syncer<S>;
  readonly #options: EventLoopOptions<S>;
  readonly #clock: Clock;
  readonly #schedule: SyncSchedule;
  readonly #members = new Map<string, Member>();
  readonly #errors = new Subject<EventLoopError>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #ending = new AbortController();
  #wakeUp = Promise.withResolvers<void>();
  #running: AbortController | undefined;
  #ended: Promise<void> | undefined;
  #snapshot: Snapshot<S> | undefined;
  #syncedRevision = 0;
  #lastError: Error | undefined;
  readonly errors$: Observable<EventLoopError> = this.#errors.asObservable();
  readonly ready: Promise<void> = this.#ready.promise;

  constructor(shape: S, sources: SnapshotSources<S>, syncer: Syncer<S>, options: EventLoopOptions<S>) {
    this.#syncer = syncer;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#schedule = new SyncSchedule(this.#clock, options);
    for (const [name, kind] of Object.entries(shape)) {
      if (name === "revision") throw new EpoxyError("invalid", "a snapshot's member can't be called 'revision'");
      const client = clientOf(sources, name, kind);
      this.#members.set(name, { kind, client, pending: new PendingChanges(kind), source: undefined });
    }
    if (options.onError !== undefined) this.#errors.subscribe(options.onError);
    // Whoever does not wait for it need not handle it.
    this.ready.catch(() => undefined);
  }

  get snapshot(): Snapshot<S> | undefined {
    return this.#snapshot;
  }

  run(signal?: AbortSignal): Promise<void> {
    if (signal !== undefined) {
      const end = (): void => this.#end();
      if (signal.aborted) end();
      else {
        signal.addEventListener("abort", end, { once: true });
        this.#ending.signal.addEventListener("abort", () => signal.removeEventListener("abort", end), { once: true });
      }
    }
    this.#ended ??= this.#run();
    return this.#ended;
  }

  close(): Promise<void> {
    this.#end();
    return this.run();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  health(): EventLoopHealth<S> {
    const sources = [...this.#members].map(([name, { source }]) => {
      const { stale, problems } = source?.health.value ?? { stale: undefined, problems: [] };
      return [name, { synced: source?.collection.synced ?? false, stale, problems }];
    });
    return {
      ready: this.#syncedRevision > 0,
      syncedRevision: this.#syncedRevision,
      failures: this.#schedule.failures,
      lastError: this.#lastError,
      sources: Object.fromEntries(sources) as EventLoopHealth<S>["sources"],
    };
  }

  #end(): void {
    this.#ending.abort();
    this.#running?.abort(this.#ending.signal.reason);
    this.#wakeUp.resolve();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    try {
      if (signal.aborted) return;
      const graph = createGraph();
      const watched = [...this.#members].map(([name, member]) => this.#watch(graph, name, member));
      await graph
        .whenSynced(
          watched.map(({ collection }) => collection),
          { signal },
        )
        .catch(() => undefined);
      await this.#loop(signal);
    } finally {
      this.#ready.reject(new EpoxyError("unavailable", "the event loop has ended before its first successful sync"));
      await Promise.all([...this.#members.values()].map(async ({ source }) => source?.close()));
      this.#errors.complete();
    }
  }

  #watch(graph: ReturnType<typeof createGraph>, name: string, member: Member): WatchedSource<any> {
    const scope: Scope = this.#options.scopes?.[name] ?? this.#options;
    const source = fromWatch(graph, name, member.client, {
      namespaces: member.kind.scope === "cluster" ? undefined : scope.namespaces,
      selector: scope.selector,
      // The snapshot shows the present status and version too; what is for a sync is decided by PendingChanges.
      equals: Object.is,
    });
    source.collection.subscribe((changes) => {
      if (member.pending.note(changes)) this.#changed();
    });
    source.health.collection.subscribe((changes) => {
      for (const { before, after } of changes) {
        if (after?.stale !== undefined && after.stale !== before?.stale) {
          this.#errors.next({ type: "source", member: name, error: after.stale });
        }
      }
    });
    member.source = source;
    return source;
  }

  #changed(): void {
    this.#schedule.changed();
    if (this.#options.mode === "abort" && this.#schedule.mayAbort()) {
      this.#running?.abort(new DOMException("a newer snapshot is there", "AbortError"));
    }
    this.#wakeUp.resolve();
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // The first snapshot needs no change to be due: nothing at all is a state, too.
      if (this.#snapshot !== undefined) await this.#waitUntilDue(signal);
      if (!signal.aborted) await this.#sync(signal);
    }
  }

  async #waitUntilDue(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const wait = this.#schedule.due() - this.#clock.now();
      if (wait <= 0) return;
      const woken = this.#wakeUp.promise;
      if (wait === Number.POSITIVE_INFINITY) {
        await woken;
      } else {
        const timer = new AbortController();
        await Promise.race([woken, this.#clock.sleep(wait, timer.signal).catch(() => undefined)]);
        timer.abort();
      }
      this.#wakeUp = Promise.withResolvers();
      // Ended between the race and the new promise: the loop's condition sees it.
    }
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const members = [...this.#members];
    this.#schedule.started();
    const changes = Object.fromEntries(members.map(([name, { pending }]) => [name, pending.begin()]));
    if (this.#syncedRevision > 0 && Object.values(changes).every(isEmpty)) {
      // What had changed has become what it was, before any sync saw it.
      for (const [, { pending }] of members) pending.succeed();
      this.#schedule.succeeded();
      return;
    }
    const snapshot = this.#takeSnapshot();
    const running = new AbortController();
    this.#running = running;
    let failure: Error | undefined;
    try {
      await this.#syncer.sync({ snapshot, changes: changes as SnapshotChanges<S>, signal: running.signal });
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error), { cause: error });
    }
    this.#running = undefined;
    if (running.signal.aborted) {
      for (const [, { pending }] of members) pending.fail();
      if (!signal.aborted) this.#schedule.superseded();
    } else if (failure !== undefined) {
      for (const [, { pending }] of members) pending.fail();
      this.#lastError = failure;
      const retryInMs = this.#schedule.failed();
      this.#errors.next({ type: "sync", error: failure, failures: this.#schedule.failures, retryInMs });
    } else {
      for (const [, { pending }] of members) pending.succeed();
      this.#lastError = undefined;
      this.#schedule.succeeded();
      this.#syncedRevision = snapshot.revision;
      this.#ready.resolve();
    }
  }

  #takeSnapshot(): Snapshot<S> {
    const sets = [...this.#members].map(([name, { pending }]) => [name, pending.current()] as const);
    const known = this.#snapshot as Readonly<Record<string, unknown>> | undefined;
    if (known !== undefined && sets.every(([name, set]) => known[name] === set)) return this.#snapshot as Snapshot<S>;
    const revision = (this.#snapshot?.revision ?? 0) + 1;
    this.#snapshot = Object.freeze({ ...Object.fromEntries(sets), revision }) as unknown as Snapshot<S>;
    return this.#snapshot;
  }
}

function clientOf(sources: SnapshotSources<any>, name: string, kind: AnyKind): ResourceClient<any> {
  const source = isStorage(sources)
    ? sources
    : (sources as Readonly<Record<string, Storage | ResourceClient<any>>>)[name];
  if (source === undefined) throw new EpoxyError("invalid", `the event loop has no storage or client for '${name}'`);
  return isStorage(source) ? source.client(kind) : source;
}

const isStorage = (source: object): source is Storage => typeof (source as Partial<Storage>).client === "function";

const isEmpty = ({ added, updated, removed }: ResourceChanges<unknown>): boolean =>
  added.length + updated.length + removed.length === 0;
