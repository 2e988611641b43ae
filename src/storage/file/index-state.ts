import { basename, dirname, extname } from "node:path";
import { locatedError } from "../../errors/index.ts";
import { parseRefKey, type Ref, refText } from "../../resources/index.ts";
import type { Problem } from "../client.ts";
import type { StoredEntry } from "../driver.ts";
import type { FileContent } from "./file-content.ts";
import { shortened } from "./layout.ts";

/** What came of the files since the last time it was asked. */
export interface IndexChanges<T> {
  readonly changed: readonly StoredEntry<T>[];
  readonly removed: readonly Ref[];
}

/** All files of a kind and what they hold together: each resource once, whichever files claim it. Pure: it reads no files. */
export interface IndexState<T> {
  get(path: string): FileContent<T> | undefined;
  set(content: FileContent<T>): void;
  delete(path: string): void;
  /** Says that what is laid over the resource (its status in a side folder) has changed. */
  touch(key: string): void;
  /** Names of the known files of a folder. */
  namesIn(folder: string): readonly string[];
  folders(): readonly string[];
  /** The file that a resource is taken from. */
  pathOf(key: string): string | undefined;
  /** Undefined if nothing has changed, neither resources nor problems. */
  takeChanges(): IndexChanges<T> | undefined;
  entries(): readonly StoredEntry<T>[];
  problems(): readonly Problem[];
}

/** @param overlay adds to a resource what lies elsewhere */
export function createIndexState<T>(overlay: (entry: StoredEntry<T>) => StoredEntry<T>): IndexState<T> {
  const contents = new Map<string, FileContent<T>>();
  /** Names of the files, by folder. */
  const folders = new Map<string, Set<string>>();
  /** Paths by key, the one in force first; nearly always there is just one. */
  const claims = new Map<string, string | readonly string[]>();
  const contested = new Set<string>();
  const current = new Map<string, StoredEntry<T>>();
  const unsettled = new Set<string>();
  const faulty = new Map<string, readonly Problem[]>();
  let problemsChanged = false;

  const claimsOf = (key: string): readonly string[] => {
    const paths = claims.get(key) ?? [];
    return typeof paths === "string" ? [paths] : paths;
  };
  const setClaims = (key: string, paths: readonly string[]): void => {
    const { name } = parseRefKey(key);
    if (paths.length === 0) claims.delete(key);
    else claims.set(key, paths.length === 1 ? (paths[0] as string) : inForceFirst(name, paths));
    if (paths.length > 1) contested.add(key);
    if (contested.has(key)) problemsChanged = true;
    if (paths.length < 2) contested.delete(key);
    unsettled.add(key);
  };
  const unclaim = (content: FileContent<T> | undefined): void => {
    for (const key of content?.entries.keys() ?? []) {
      setClaims(
        key,
        claimsOf(key).filter((path) => path !== content?.path),
      );
    }
  };
  const setProblems = (path: string, problems: readonly Problem[]): void => {
    if (problems.length === 0 && !faulty.has(path)) return;
    if (problems.length === 0) faulty.delete(path);
    else faulty.set(path, problems);
    problemsChanged = true;
  };

  return {
    get: (path) => contents.get(path),
    set(content) {
      const { path } = content;
      const before = contents.get(path);
      unclaim(before);
      if (before === undefined) {
        const folder = dirname(path);
        folders.set(folder, (folders.get(folder) ?? new Set()).add(basename(path)));
      }
      contents.set(path, content);
      for (const key of content.entries.keys()) setClaims(key, [...claimsOf(key), path]);
      setProblems(path, content.problems);
    },
    delete(path) {
      unclaim(contents.get(path));
      contents.delete(path);
      const folder = folders.get(dirname(path));
      folder?.delete(basename(path));
      if (folder?.size === 0) folders.delete(dirname(path));
      setProblems(path, []);
    },
    touch: (key) => void unsettled.add(key),
    namesIn: (folder) => [...(folders.get(folder) ?? [])],
    folders: () => [...folders.keys()],
    pathOf: (key) => claimsOf(key)[0],
    takeChanges() {
      if (unsettled.size === 0 && !problemsChanged) return undefined;
      const changed: StoredEntry<T>[] = [];
      const removed: Ref[] = [];
      for (const key of unsettled) {
        const path = claimsOf(key)[0];
        const stored = path === undefined ? undefined : contents.get(path)?.entries.get(key);
        if (stored === undefined) {
          if (current.delete(key)) removed.push(parseRefKey(key));
          continue;
        }
        const entry = overlay(stored);
        if (current.get(key)?.version === entry.version) continue;
        current.set(key, entry);
        changed.push(entry);
      }
      unsettled.clear();
      const news = changed.length > 0 || removed.length > 0 || problemsChanged;
      problemsChanged = false;
      return news ? { changed, removed } : undefined;
    },
    entries: () => [...current.values()],
    problems: () => [
      ...[...faulty.values()].flat(),
      ...[...contested].flatMap((key) => duplicateProblems(parseRefKey(key), claimsOf(key))),
    ],
  };
}

/** The file named for the resource is in force, so that it is found without a look at the others; else the first by path. */
export function inForceFirst(name: string, paths: readonly string[]): string[] {
  if (paths.length === 1) return [...paths];
  const own = shortened(name);
  const rank = (path: string) => (basename(path, extname(path)) === own ? 0 : 1);
  return [...paths].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** One problem for each file that claims a resource that another file holds. @param paths the one in force first */
export function duplicateProblems(ref: Ref, paths: readonly string[]): readonly Problem[] {
  const [first, ...others] = paths;
  return others.map((path) => {
    const detail = `${refText(ref)} is also in ${first}, which is in force: remove it from one of them`;
    const error = locatedError("invalid", detail, { source: path });
    return { ref, location: { source: path }, error, lastGoodKept: true };
  });
}
