import { join, resolve } from "node:path";
import { type AnyKind, type Kind, type Ref, type Resource } from "../../resources/index.ts";
import type { Problem } from "../client.ts";
import type { StorageDriver, StoredEntry } from "../driver.ts";
import { createFileCache, type FileCache, inSlices, readFolder } from "./file-cache.ts";
import { createFileIndex, type FileIndex } from "./file-index.ts";
import { type Found, findResource } from "./file-finder.ts";
import { fileError } from "./file-snapshot.ts";
import { createFileWriter, type FileWriter } from "./file-writer.ts";
import { planFolders } from "./folder-plan.ts";
import type { WatchFolder } from "./folder-watcher.ts";
import { createIndexState } from "./index-state.ts";
import { createLayout } from "./layout.ts";
import { createStatusFolder, type StatusFolder } from "./status-folder.ts";

export interface FileDriverOptions {
  /** Where the resources lie. It need not exist yet. */
  readonly directory: string;
  /** Where statuses lie, in the same layout; by default within the resources' files. */
  readonly statusDirectory?: string | undefined;
  /** The folder of a kind within the directories; default its plural; empty: the directory itself. */
  readonly folder?: ((kind: AnyKind) => string) | undefined;
  /** Milliseconds between two looks at all files for changes that events haven't told; default 30,000. */
  readonly rescanInterval?: number | undefined;
  /** Mode of new files, less the process's umask; default 0o666. Existing files keep theirs. */
  readonly fileMode?: number | undefined;
  /** Watches one folder; default `fs.watch`. */
  readonly watch?: WatchFolder | undefined;
}

/** All that belongs to one kind. */
interface Shelf<T extends Resource> {
  readonly cache: FileCache<T>;
  readonly statusFolder: StatusFolder<T> | undefined;
  readonly index: FileIndex<T>;
  readonly writer: FileWriter<T>;
  readonly overlay: (entry: StoredEntry<T>) => StoredEntry<T>;
  readonly find: (ref: Ref) => Found<T> | undefined;
}

/** Keeps resources in YAML files, made to be shared with people, editors, Git and other processes. */
export function createFileDriver(options: FileDriverOptions): StorageDriver {
  const { folder = ({ plural }: AnyKind) => plural, rescanInterval = 30_000, fileMode = 0o666, watch } = options;
  const description = `files in ${options.directory}`;
  const layout = createLayout(resolve(options.directory), folder);
  const { statusDirectory } = options;
  const statusLayout = statusDirectory === undefined ? undefined : createLayout(resolve(statusDirectory), folder);
  const shelves = new Map<AnyKind, Shelf<any>>();

  function makeShelf<T extends Resource>(kind: Kind<T>): Shelf<T> {
    const cache = createFileCache(kind);
    const hasFolder = statusLayout !== undefined && kind.hasStatus;
    const statusFolder = hasFolder ? createStatusFolder(kind, statusLayout, createFileCache(kind)) : undefined;
    const overlay = (entry: StoredEntry<T>) => statusFolder?.overlay(entry) ?? entry;
    const index = createFileIndex({ kind, layout, cache, status: statusFolder, overlay, rescanInterval, watch });
    const find = (ref: Ref) =>
      findResource(kind, ref, layout, cache, (key) => (index.isLive ? { path: index.pathOf(key) } : undefined));
    const writer = createFileWriter({ kind, layout, description, cache, find, statusFolder, fileMode });
    return { cache, statusFolder, index, writer, overlay, find };
  }
  function shelfOf<T extends Resource>(kind: Kind<T>): Shelf<T> {
    const shelf = shelves.get(kind) ?? makeShelf(kind);
    shelves.set(kind, shelf);
    return shelf;
  }

  return {
    description,

    async read(kind, ref) {
      const { find, overlay } = shelfOf(kind);
      const found = find(ref);
      return found === undefined ? undefined : overlay(found.entry);
    },

    put: (kind, ref, resource, expected, { signal }) => shelfOf(kind).writer.put(ref, resource, expected, signal),

    delete: (kind, ref, expected, { signal }) => shelfOf(kind).writer.delete(ref, expected, signal),

    async list(kind, namespaces, { signal }) {
      const { cache, overlay } = shelfOf(kind);
      const plan = planFolders(kind, layout);
      const problems: Problem[] = [...plan.problems];
      const files: { readonly path: string; readonly namespace: string }[] = [];
      for (const [path, namespace] of plan.folders) {
        if (namespaces !== undefined && !namespaces.includes(namespace)) continue;
        try {
          for (const name of readFolder(path).files) files.push({ path: join(path, name), namespace });
        } catch (error) {
          const location = { source: path };
          problems.push({ ref: undefined, location, error: fileError(error, path), lastGoodKept: false });
        }
      }
      const state = createIndexState(overlay);
      await inSlices(files, signal, ({ path, namespace }) => {
        const content = cache.load(path, namespace);
        if (content !== undefined) state.set(content);
      });
      state.takeChanges();
      return { entries: state.entries(), problems: [...problems, ...state.problems()] };
    },

    async *watch(kind, namespaces, { signal }) {
      const subscription = shelfOf(kind).index.subscribe(namespaces);
      try {
        yield* subscription.events.read(signal);
      } finally {
        subscription.close();
      }
    },

    putStatus: (kind, ref, reporter, status, precondition, { signal }) =>
      shelfOf(kind).writer.putStatus(ref, reporter, status, precondition, signal),

    async close() {
      shelves.clear();
    },
  };
}
