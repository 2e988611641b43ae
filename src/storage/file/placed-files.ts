import type { FileContent } from "./file-content.ts";

/** A file that stood whole under its name. */
export interface PlacedFile<T> {
  readonly path: string;
  readonly content: FileContent<T>;
  /** When the event came, by `performance.now()`. */
  readonly seenAt: number;
}

export interface PlacedFilesOptions<T> {
  /** Reads a file; undefined: it is to be looked at in the ordinary way. */
  readonly read: (path: string) => FileContent<T> | undefined;
  /** Whether it still is as it was read. */
  readonly isAsRead: (path: string) => boolean;
  readonly take: (files: readonly PlacedFile<T>[]) => void;
  /** It is to be looked at in the ordinary way. */
  readonly leave: (path: string, seenAt: number) => void;
}

/**
 * Files that appeared under their name without anything being written since, as those do that are written beside it and renamed. Nobody
 * has to wait for the rest of such a file. An event doesn't tell it from one that was just made and is about to be written in place, so
 * it is read at once, and counts if neither another event has come after that nor the file differs: a write to it would have
 * brought an event. What is read meanwhile is parsed meanwhile, so that this takes no time of its own.
 */
export interface PlacedFiles {
  /** An event says that something has appeared there. False: it is to be looked at in the ordinary way. */
  offer(path: string): boolean;
  /** Something else has happened to it. Gives when it was offered, if it is under way. */
  withdraw(path: string): number | undefined;
  clear(): void;
}

/** More at a time are no person's save: they are read in slices, in the ordinary way. */
const FEW = 8;

export function createPlacedFiles<T>({ read, isAsRead, take, leave }: PlacedFilesOptions<T>): PlacedFiles {
  const offered = new Map<string, number>();
  const unconfirmed = new Map<string, PlacedFile<T>>();
  let turn: NodeJS.Immediate | undefined;

  function run(): void {
    turn = undefined;
    const placed = [...unconfirmed.values()].filter((file) => {
      const isWhole = isAsRead(file.path);
      if (!isWhole) leave(file.path, file.seenAt);
      return isWhole;
    });
    unconfirmed.clear();
    if (placed.length > 0) take(placed);
    for (const [path, seenAt] of offered) {
      const content = read(path);
      if (content === undefined) leave(path, seenAt);
      else unconfirmed.set(path, { path, content, seenAt });
    }
    offered.clear();
    // The next turn of the event loop brings the events of whatever was written until the file had been read.
    if (unconfirmed.size > 0) turn = setImmediate(run);
  }

  return {
    offer(path) {
      if (offered.has(path) || unconfirmed.has(path) || offered.size >= FEW) return false;
      offered.set(path, performance.now());
      turn ??= setImmediate(run);
      return true;
    },
    withdraw(path) {
      const seenAt = offered.get(path) ?? unconfirmed.get(path)?.seenAt;
      offered.delete(path);
      unconfirmed.delete(path);
      return seenAt;
    },
    clear() {
      clearImmediate(turn);
      turn = undefined;
      offered.clear();
      unconfirmed.clear();
    },
  };
}
