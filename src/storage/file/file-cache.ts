import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Kind, Resource } from "../../resources/index.ts";
import {
  type FileContent,
  type FileText,
  parseContent,
  restamped,
  textDigest,
  unreadableContent,
} from "./file-content.ts";
import { type FileIdentity, fileError, hasErrno, identityAt, readSnapshot, sameIdentity } from "./file-snapshot.ts";
import { isResourceFile } from "./layout.ts";

/** Contents of a kind's files, each parsed once for each state of its text. */
export interface FileCache<T> {
  /** What the file holds now; undefined: there is none. Costs one `stat` if the file is as it was. */
  load(path: string, namespace: string): FileContent<T> | undefined;
  /** Whether the file is as it was when it was loaded last. */
  isAsLoaded(path: string): boolean;
  /** What a text in the place of the file holds. It is remembered, so that the file is not parsed again once it has this text. */
  parse(text: FileText<T>, namespace: string): FileContent<T>;
}

export function createFileCache<T extends Resource>(kind: Kind<T>): FileCache<T> {
  interface Cached {
    readonly content: FileContent<T>;
    readonly identity: FileIdentity;
    readonly settled: boolean;
  }
  const files = new Map<string, Cached>();
  /** Contents of texts that are about to be written. */
  const expected = new Map<string, FileContent<T>>();

  const parse = (text: FileText<T>, namespace: string): FileContent<T> => {
    const digest = textDigest(text.text);
    const before = files.get(text.path)?.content;
    const known = [before, expected.get(text.path)].find((content) => content?.digest === digest);
    const content = known ?? parseContent(kind, text, namespace, before);
    expected.set(text.path, content);
    return content.version === text.version ? content : restamped(content, text.version);
  };
  const reload = (path: string, namespace: string): FileContent<T> | undefined => {
    const cached = files.get(path);
    try {
      const snapshot = readSnapshot(path);
      if (snapshot === undefined) {
        files.delete(path);
        expected.delete(path);
        return undefined;
      }
      // The version tells the text, too.
      const isAsBefore = cached !== undefined && cached.content.version === snapshot.version;
      const content = isAsBefore ? cached.content : parse(snapshot, namespace);
      expected.delete(path);
      files.set(path, { content, identity: snapshot.identity, settled: snapshot.settled });
      return content;
    } catch (error) {
      files.delete(path);
      return unreadableContent(path, namespace, fileError(error, path));
    }
  };
  const isAsLoaded = (path: string): boolean => {
    const cached = files.get(path);
    const identity = cached && identityOrNone(path);
    return cached !== undefined && identity !== undefined && sameIdentity(identity, cached.identity);
  };
  return {
    parse,
    isAsLoaded,
    load(path, namespace) {
      const cached = files.get(path);
      return cached?.settled === true && isAsLoaded(path) ? cached.content : reload(path, namespace);
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
