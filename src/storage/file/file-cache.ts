import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Kind, Resource } from "../../resources/index.ts";
import { type FileContent, parseContent, restamped, unreadableContent } from "./file-content.ts";
import { type FileIdentity, fileError, hasErrno, identityAt, readSnapshot, sameIdentity } from "./file-snapshot.ts";
import { isResourceFile } from "./layout.ts";

/** Contents of a kind's files, each parsed once for each state of its text. */
export interface FileCache<T> {
  /** What the file holds now; undefined: there is none. Costs one `stat` if the file is as it was. */
  load(path: string, namespace: string): FileContent<T> | undefined;
}

export function createFileCache<T extends Resource>(kind: Kind<T>): FileCache<T> {
  interface Cached {
    readonly content: FileContent<T>;
    readonly identity: FileIdentity;
    readonly settled: boolean;
  }
  const files = new Map<string, Cached>();

  const reload = (path: string, namespace: string): FileContent<T> | undefined => {
    const cached = files.get(path);
    try {
      const snapshot = readSnapshot(path);
      if (snapshot === undefined) {
        files.delete(path);
        return undefined;
      }
      const before = cached?.content.text === snapshot.text ? cached.content : undefined;
      let content = before ?? parseContent(kind, snapshot, namespace);
      if (content.version !== snapshot.version) content = restamped(content, snapshot.version);
      files.set(path, { content, identity: snapshot.identity, settled: snapshot.settled });
      return content;
    } catch (error) {
      files.delete(path);
      return unreadableContent(path, namespace, fileError(error, path));
    }
  };
  return {
    load(path, namespace) {
      const cached = files.get(path);
      if (cached?.settled === true) {
        const identity = identityOrNone(path);
        if (identity !== undefined && sameIdentity(identity, cached.identity)) return cached.content;
      }
      return reload(path, namespace);
    },
  };
}

function identityOrNone(path: string): FileIdentity | undefined {
  try {
    return identityAt(path);
  } catch {
    // Reading says what is wrong with it.
    return undefined;
  }
}

/** What a folder holds. An absent folder is an empty one. */
export interface FolderNames {
  readonly files: readonly string[];
  readonly folders: readonly string[];
  /** Names of locks, temporary files and the like. */
  readonly hidden: readonly string[];
}

/** @throws EpoxyError `unavailable` if it can't be read */
export function readFolder(path: string): FolderNames {
  const files: string[] = [];
  const folders: string[] = [];
  const hidden: string[] = [];
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const { name } = entry;
      if (name.startsWith(".")) hidden.push(name);
      else if (entry.isDirectory() || (entry.isSymbolicLink() && isFolder(join(path, name)))) folders.push(name);
      else if (isResourceFile(name)) files.push(name);
    }
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw fileError(error, path);
  }
  return { files: files.sort(), folders: folders.sort(), hidden };
}

const isFolder = (path: string): boolean => {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
};

/** Milliseconds of work between two turns of the event loop. */
const slice = 8;

/** Runs `work` for each item and lets the event loop turn now and then. @throws the signal's reason */
export async function inSlices<I>(items: Iterable<I>, signal: AbortSignal, work: (item: I) => void): Promise<void> {
  let start = performance.now();
  for (const item of items) {
    work(item);
    if (performance.now() - start < slice) continue;
    await nextTurn();
    signal.throwIfAborted();
    start = performance.now();
  }
}
