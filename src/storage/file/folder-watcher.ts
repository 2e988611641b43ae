import { type FSWatcher, statSync, watch as watchPath } from "node:fs";
import { EpoxyError } from "../../errors/index.ts";
import type { Problem } from "../client.ts";
import { hasErrno } from "./file-snapshot.ts";

/** How a folder is watched; `fs.watch`, unless a test puts limits on it. */
export type WatchFolder = (path: string, onEvent: (type: string, name: string | null) => void) => FSWatcher;

export interface FolderWatcherOptions {
  /**
   * @param name of what has changed in the folder; undefined: anything, the folder itself included
   * @param appeared whether something has come under that name or gone from it, and no more; false: nobody knows
   */
  readonly onEvent: (folder: string, name: string | undefined, appeared: boolean) => void;
  readonly watch?: WatchFolder | undefined;
}

/** Watches a set of folders, each for itself: a recursive watch misses what happens in folders that have just appeared. */
export interface FolderWatcher {
  /** Watches exactly these from now on. Gives those whose content is to be read now: new ones, and ones made anew. */
  set(folders: readonly string[]): readonly string[];
  /** Folders that the system doesn't watch for us; they have to be read now and then. Their problems say why. */
  readonly problems: readonly Problem[];
  close(): void;
}

interface Watched {
  readonly watcher: FSWatcher | undefined;
  readonly inode: bigint;
  readonly problem: Problem | undefined;
}

/** Elsewhere the system sums up what has happened to a file: that it came, and that it was written, in one. */
const TELLS_WRITES = process.platform === "linux";

export function createFolderWatcher({ onEvent, watch = watchPath }: FolderWatcherOptions): FolderWatcher {
  const watched = new Map<string, Watched>();

  const stop = (folder: string): void => {
    watched.get(folder)?.watcher?.close();
    watched.delete(folder);
  };
  const start = (folder: string, inode: bigint): void => {
    try {
      const watcher = watch(folder, (type, name) =>
        onEvent(folder, name ?? undefined, TELLS_WRITES && type === "rename"),
      );
      // The folder is gone, or the system has withdrawn the watch: look again.
      watcher.on("error", () => {
        stop(folder);
        onEvent(folder, undefined, false);
      });
      watched.set(folder, { watcher, inode, problem: undefined });
    } catch (error) {
      // Gone between two system calls: whoever removed it is seen by the watch of what is above.
      if (hasErrno(error, "ENOENT", "ENOTDIR")) return;
      watched.set(folder, { watcher: undefined, inode, problem: unwatchedProblem(folder, error) });
    }
  };
  return {
    set(folders) {
      const wanted = new Set(folders);
      for (const folder of watched.keys()) if (!wanted.has(folder)) stop(folder);
      const fresh: string[] = [];
      for (const folder of wanted) {
        const inode = inodeOf(folder);
        const before = watched.get(folder);
        if (before?.inode === inode && before?.watcher !== undefined) continue;
        if (before?.inode !== inode) fresh.push(folder);
        stop(folder);
        if (inode !== undefined) start(folder, inode);
      }
      return fresh;
    },
    get problems() {
      return [...watched.values()].flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
    },
    close() {
      for (const folder of watched.keys()) stop(folder);
    },
  };
}

function inodeOf(folder: string): bigint | undefined {
  try {
    return statSync(folder, { bigint: true, throwIfNoEntry: false })?.ino;
  } catch {
    return undefined;
  }
}

/** What to do, by what the system says. Source: inotify(7), /proc/sys/fs/inotify */
function unwatchedProblem(folder: string, cause: unknown): Problem {
  const remedy = hasErrno(cause, "ENOSPC")
    ? "raise fs.inotify.max_user_watches (sysctl)"
    : hasErrno(cause, "EMFILE", "ENFILE")
      ? "raise fs.inotify.max_user_instances (sysctl) or the limit of open files (ulimit -n)"
      : "see the cause";
  const message = `${folder} can't be watched and is read every second instead, so changes take longer: ${remedy}`;
  const error = new EpoxyError("unavailable", `${message} (${(cause as Error).message})`, {
    cause,
    location: { source: folder },
  });
  return { ref: undefined, location: { source: folder }, error, lastGoodKept: true };
}
