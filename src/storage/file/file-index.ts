import { basename, dirname, join, sep } from "node:path";
import type { AnyKind, Resource } from "../../resources/index.ts";
import type { Problem } from "../client.ts";
import type { DriverEvent, StoredEntry } from "../driver.ts";
import { createEventQueue, type EventQueue } from "../event-queue.ts";
import { cleanLeftovers } from "./clean-leftovers.ts";
import { createDelayedFiles } from "./delayed-files.ts";
import { type FileCache, readFolder } from "./file-cache.ts";
import { type FileContent, isLosing, retainLastGood } from "./file-content.ts";
import { fileError } from "./file-snapshot.ts";
import { type FolderPlan, planFolders } from "./folder-plan.ts";
import { createFolderWatcher, type WatchFolder } from "./folder-watcher.ts";
import { createIndexState } from "./index-state.ts";
import { isResourceFile, type Layout } from "./layout.ts";
import { createPlacedFiles } from "./placed-files.ts";

/** Milliseconds that a vanished file or document has to come back before it counts as deleted. */
const grace = 50;
/** Milliseconds without an event before a file that is written in place is read: writing is several steps. */
const quiet = 1;
/** Milliseconds of work between two turns of the event loop. */
const slice = 8;
/** The same before all files have been read, when nobody is served yet. */
const firstSlice = 25;
/** The same where files are looked at only in case an event was lost, and milliseconds until the next turn: what has changed comes first. */
const surveySlice = 2;
const surveyPause = 8;
/**
 * Events in one turn of the event loop after which some may have been lost: the system's queue (fs.inotify.max_queued_events, 16,384 by
 * default) is shared by all kinds and overflows silently.
 */
const queueLimit = 1_000;
/** Milliseconds between two readings of what the system doesn't watch for us. */
const pollInterval = 1_000;

export interface FileIndexOptions<T> {
  readonly kind: AnyKind;
  readonly layout: Layout;
  readonly cache: FileCache<T>;
  /** Where statuses lie, if beside the resources; a file that changes there touches the resources in it. */
  readonly status: { readonly layout: Layout; readonly cache: FileCache<T> } | undefined;
  /** Adds to a resource what lies in the status folder. */
  readonly overlay: (entry: StoredEntry<T>) => StoredEntry<T>;
  /** Milliseconds between two looks at all files, for what events have not told (network file systems, full queues). */
  readonly rescanInterval: number;
  readonly watch: WatchFolder | undefined;
}

/** All resources of a kind, kept up to date by file events for as long as somebody subscribes. */
export interface FileIndex<T> {
  /** Starts with a `state` as soon as all files have been read. */
  subscribe(namespaces: readonly string[] | undefined): Subscription<T>;
  /** The file that holds a resource; undefined: none, or not known yet. */
  pathOf(key: string): string | undefined;
  /** Whether all files have been read and events come in. */
  readonly isLive: boolean;
}

export interface Subscription<T> {
  readonly events: EventQueue<DriverEvent<T>>;
  close(): void;
}

export function createFileIndex<T extends Resource>(options: FileIndexOptions<T>): FileIndex<T> {
  const { kind, layout, cache, status } = options;
  const state = createIndexState<T>(options.overlay);
  const roots = [layout, ...(status === undefined ? [] : [status.layout])].map((place) => place.kindFolder(kind));
  const watcher = createFolderWatcher({ onEvent: handleEvent, watch: options.watch });
  const subscribers = new Map<EventQueue<DriverEvent<T>>, readonly string[] | undefined>();
  /** Contents that were taken as they are, by path. */
  const taken = new Map<string, FileContent<T>>();
  const takenStatuses = new Map<string, FileContent<T>>();
  /** Since when a file, in this version, has less than it had. */
  const losing = new Map<string, { readonly since: number; readonly version: string }>();
  const unreadable = new Map<string, Problem>();
  /** To be looked at now. */
  const backlog = new Set<string>();
  /** To be looked at when there is nothing else to do. */
  const survey = new Set<string>();
  /** To be looked at when it is time. */
  const delayed = createDelayedFiles();
  const foldersToScan = new Set<string>();
  let plan: FolderPlan = { folders: new Map(), above: [], problems: [] };
  let statusFolders: ReadonlyMap<string, string> = new Map();
  let structureIsDue = false;
  /** When the first event came of those for which the structure is due. */
  let structureSince: number | undefined;
  /** The same of what is being looked at now. */
  let seenAt: number | undefined;
  let problemsChanged = false;
  let phase: "idle" | "reading" | "live" = "idle";
  let eventsInTurn = 0;
  let timer: NodeJS.Timeout | undefined;
  let wakeAt = Infinity;
  let rescanTimer: NodeJS.Timeout | undefined;

  function handleEvent(folder: string, name: string | undefined, appeared: boolean): void {
    if (eventsInTurn++ === 0) setImmediate(endTurn).unref();
    if (plan.folders.has(folder) || statusFolders.has(folder)) {
      // Kubernetes swaps the link `..data` to change all files of a mount at once. A folder's own name: it was moved or removed.
      if (name === undefined || name.startsWith("..") || name === basename(folder)) {
        foldersToScan.add(folder);
        structureIsDue = true;
      } else if (isResourceFile(name)) {
        const path = join(folder, name);
        if (appeared && phase === "live" && !delayed.has(path) && placed.offer(path)) return;
        delayed.add(path, quiet, placed.withdraw(path));
      } else return;
    } else if (name === undefined || matters(folder, name)) structureIsDue = true;
    else return;
    const now = performance.now();
    if (structureIsDue) structureSince ??= now;
    wakeBy(now + quiet);
  }

  function endTurn(): void {
    const isMany = eventsInTurn >= queueLimit;
    eventsInTurn = 0;
    if (!isMany || phase === "idle") return;
    for (const folder of [...plan.folders.keys(), ...statusFolders.keys()]) foldersToScan.add(folder);
    structureIsDue = true;
    wakeBy(performance.now() + quiet);
  }

  /** Folders above hold all sorts of things. */
  function matters(folder: string, name: string): boolean {
    const path = join(folder, name);
    const isOnTheWay = (root: string) => folder === root || path === root || root.startsWith(path + sep);
    return name === basename(folder) || roots.some(isOnTheWay);
  }

  /** What is being looked at now was told of then. */
  function noteSeen(at: number | undefined): void {
    if (at !== undefined && (seenAt === undefined || at < seenAt)) seenAt = at;
  }

  /** Sees to it that `run` is called at that time or before. Called for every event, so it looks at nothing else. */
  function wakeBy(at: number): void {
    if (phase === "idle" || at >= wakeAt) return;
    clearTimeout(timer);
    wakeAt = at;
    timer = setTimeout(run, Math.max(0, Math.ceil(at - performance.now())));
  }

  /** Plans the next `run`. */
  function schedule(): void {
    const now = performance.now();
    if (backlog.size > 0 || phase === "reading") wakeBy(now);
    else if (structureIsDue) wakeBy(now + quiet);
    else {
      if (delayed.next !== undefined) wakeBy(delayed.next);
      if (survey.size > 0) wakeBy(now + surveyPause);
    }
  }

  function run(): void {
    wakeAt = Infinity;
    try {
      noteSeen(structureSince);
      if (structureIsDue) readStructure(false);
    } catch (error) {
      fail(error);
      return;
    }
    for (const [path, since] of delayed.takeDue()) {
      backlog.add(path);
      noteSeen(since);
    }
    const begin = performance.now();
    const isFirst = phase === "reading";
    lookAtSome(backlog, begin + (isFirst ? firstSlice : slice));
    if (backlog.size === 0) lookAtSome(survey, begin + (isFirst ? firstSlice : surveySlice));
    if (phase === "reading" && backlog.size === 0 && survey.size === 0) becomeLive();
    else flush();
    if (backlog.size === 0) seenAt = undefined;
    schedule();
  }

  function lookAtSome(paths: Set<string>, until: number): void {
    for (const path of paths) {
      paths.delete(path);
      look(path);
      if (performance.now() > until) break;
    }
  }

  function look(path: string): void {
    if (statusFolders.has(dirname(path)) || takenStatuses.has(path)) lookAtStatus(path);
    else lookAtFile(path);
  }

  function lookAtStatus(path: string): void {
    const before = takenStatuses.get(path);
    const namespace = statusFolders.get(dirname(path));
    const content = namespace === undefined ? undefined : status?.cache.load(path, namespace);
    if (content === before) return;
    for (const key of [...(before?.entries.keys() ?? []), ...(content?.entries.keys() ?? [])]) state.touch(key);
    if (content === undefined) takenStatuses.delete(path);
    else takenStatuses.set(path, content);
  }

  function lookAtFile(path: string): void {
    const before = state.get(path);
    const namespace = plan.folders.get(dirname(path)) ?? before?.namespace;
    if (namespace === undefined) return;
    const content = cache.load(path, namespace);
    const isAsTaken = content === taken.get(path);
    if (isAsTaken && !losing.has(path)) return;
    const isLess = content === undefined ? before !== undefined : isLosing(before, content);
    if (isLess && !isAsTaken && phase === "live") {
      const version = content?.version ?? "";
      const noticed = losing.get(path);
      const since = noticed?.version === version ? noticed.since : performance.now();
      losing.set(path, { since, version });
      const left = since + grace - performance.now();
      if (left > 0) {
        if (content !== undefined) state.set(retainLastGood(before, content, false));
        delayed.add(path, left, since);
        return;
      }
    }
    losing.delete(path);
    if (content === undefined) {
      state.delete(path);
      taken.delete(path);
    } else {
      state.set(retainLastGood(before, content, true));
      taken.set(path, content);
    }
  }

  const placed = createPlacedFiles<T>({
    read(path) {
      const namespace = plan.folders.get(dirname(path));
      const content = namespace === undefined ? undefined : cache.load(path, namespace);
      // What is wrong or lacks something may be written again in a moment.
      const isWhole = content !== undefined && content.problems.length === 0 && !isLosing(state.get(path), content);
      return isWhole && !losing.has(path) ? content : undefined;
    },
    isAsRead: cache.isAsLoaded,
    take(files) {
      for (const { path, content, seenAt: at } of files) {
        noteSeen(at);
        state.set(content);
        taken.set(path, content);
      }
      flush();
      if (backlog.size === 0) seenAt = undefined;
    },
    leave(path, at) {
      delayed.add(path, quiet, at);
      schedule();
    },
  });

  /** Finds the folders, watches them, and reads the names in those that are new, or in all. */
  function readStructure(all: boolean): void {
    structureIsDue = false;
    structureSince = undefined;
    const scan = new Set(foldersToScan);
    foldersToScan.clear();
    const problemsBefore = watcher.problems.length + plan.problems.length;
    // What appears in a folder before it is watched is seen by looking again.
    for (let round = 0, fresh: readonly string[] = [""]; fresh.length > 0 && round < 8; round++) {
      plan = planFolders(kind, layout);
      const statusPlan = status === undefined ? undefined : planFolders(kind, status.layout);
      statusFolders = statusPlan?.folders ?? new Map();
      const above = [...plan.above, ...(statusPlan?.above ?? [])];
      fresh = watcher.set([...above, ...plan.folders.keys(), ...statusFolders.keys()]);
      for (const folder of fresh) scan.add(folder);
    }
    for (const folder of [...plan.folders.keys(), ...statusFolders.keys()]) {
      if (all || scan.has(folder)) scanFolder(folder, scan.has(folder) ? backlog : survey);
    }
    for (const folder of state.folders()) {
      if (plan.folders.has(folder)) continue;
      unreadable.delete(folder);
      for (const name of state.namesIn(folder)) backlog.add(join(folder, name));
    }
    for (const path of takenStatuses.keys()) {
      const isDue = scan.has(dirname(path)) || !statusFolders.has(dirname(path));
      if (all || isDue) (isDue ? backlog : survey).add(path);
    }
    if (problemsBefore + watcher.problems.length + plan.problems.length > 0) problemsChanged = true;
  }

  function scanFolder(folder: string, into: Set<string>): void {
    try {
      const { files, hidden } = readFolder(folder);
      for (const name of [...state.namesIn(folder), ...files]) into.add(join(folder, name));
      if (unreadable.delete(folder)) problemsChanged = true;
      void cleanLeftovers(folder, hidden);
    } catch (error) {
      const cause = fileError(error, folder);
      unreadable.set(folder, { ref: undefined, location: { source: folder }, error: cause, lastGoodKept: true });
      problemsChanged = true;
    }
  }

  function becomeLive(): void {
    phase = "live";
    state.takeChanges();
    problemsChanged = false;
    for (const [events, namespaces] of subscribers) tellState(events, namespaces);
  }

  function tellState(events: EventQueue<DriverEvent<T>>, namespaces: readonly string[] | undefined): void {
    const covered = (namespace: string) => namespaces === undefined || namespaces.includes(namespace);
    const entries = state.entries().filter(({ ref }) => covered(ref.namespace));
    events.push({ type: "state", entries, problems: problemsIn(namespaces) });
  }

  function flush(): void {
    if (phase !== "live") return;
    const changes = state.takeChanges() ?? (problemsChanged ? { changed: [], removed: [] } : undefined);
    problemsChanged = false;
    if (changes === undefined) return;
    for (const [events, namespaces] of subscribers) {
      const covered = (namespace: string) => namespaces === undefined || namespaces.includes(namespace);
      events.push({
        type: "changes",
        changed: changes.changed.filter(({ ref }) => covered(ref.namespace)),
        removed: changes.removed.filter(({ namespace }) => covered(namespace)),
        problems: problemsIn(namespaces),
        seenAt,
      });
    }
  }

  function problemsIn(namespaces: readonly string[] | undefined): readonly Problem[] {
    const all = [...plan.problems, ...watcher.problems, ...unreadable.values(), ...state.problems()];
    if (namespaces === undefined) return all;
    return all.filter(({ ref }) => ref === undefined || namespaces.includes(ref.namespace));
  }

  function rescan(): void {
    try {
      readStructure(true);
    } catch (error) {
      fail(error);
      return;
    }
    schedule();
    planRescan();
  }

  function planRescan(): void {
    clearTimeout(rescanTimer);
    const interval =
      watcher.problems.length > 0 ? Math.min(pollInterval, options.rescanInterval) : options.rescanInterval;
    rescanTimer = setTimeout(rescan, interval).unref();
  }

  function start(): void {
    phase = "reading";
    rescan();
  }

  function stop(): void {
    phase = "idle";
    clearTimeout(timer);
    wakeAt = Infinity;
    clearTimeout(rescanTimer);
    watcher.close();
    [structureSince, seenAt] = [undefined, undefined];
    placed.clear();
    backlog.clear();
    survey.clear();
    delayed.clear();
    losing.clear();
  }

  /** The folders can't be read. What is known stays for those who come back. */
  function fail(error: unknown): void {
    stop();
    for (const events of subscribers.keys()) events.fail(error);
    subscribers.clear();
  }

  return {
    pathOf: (key) => state.pathOf(key),
    get isLive() {
      return phase === "live";
    },
    subscribe(namespaces) {
      const events = createEventQueue<DriverEvent<T>>();
      subscribers.set(events, namespaces);
      if (phase === "idle") start();
      else if (phase === "live") tellState(events, namespaces);
      return {
        events,
        close() {
          if (subscribers.delete(events) && subscribers.size === 0) stop();
        },
      };
    },
  };
}
