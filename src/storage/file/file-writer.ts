import { isDeepStrictEqual } from "node:util";
import type { Status } from "../../../generated/proto/epoxy/core/v1/status.ts";
import { EpoxyError, errorCode } from "../../errors/index.ts";
import {
  deepFreeze,
  type Kind,
  type Ref,
  removeDocument,
  type Resource,
  refKey,
  statusOf,
} from "../../resources/index.ts";
import type { StatusPrecondition, StoredEntry } from "../driver.ts";
import { alreadyExistsError, notFoundError, resourceText, versionConflictError } from "../driver-errors.ts";
import type { FileCache } from "./file-cache.ts";
import { withResource, withStatus } from "./edit-text.ts";
import type { Found } from "./file-finder.ts";
import { type FileLock, withFileLock } from "./file-lock.ts";
import { type FileSnapshot, readSnapshot, versionOf } from "./file-snapshot.ts";
import type { Layout } from "./layout.ts";
import { makeFolderOf, removeFile, replaceFile, targetOf } from "./replace-file.ts";
import type { StatusFolder } from "./status-folder.ts";

export interface FileWriterOptions<T extends Resource> {
  readonly kind: Kind<T>;
  readonly layout: Layout;
  /** For people. */
  readonly description: string;
  readonly cache: FileCache<T>;
  readonly find: (ref: Ref) => Found<T> | undefined;
  /** Where statuses lie, if not in the resources' files. */
  readonly statusFolder: StatusFolder<T> | undefined;
  /** Mode of new files, less the process's umask. */
  readonly fileMode: number;
}

/** Writes the resources of a kind: one at a time per file, whichever process writes, and never over what it hasn't seen. */
export interface FileWriter<T> {
  put(ref: Ref, resource: T, expected: string | null, signal: AbortSignal): Promise<StoredEntry<T>>;
  delete(ref: Ref, expected: string | undefined, signal: AbortSignal): Promise<boolean>;
  putStatus(
    ref: Ref,
    reporter: string,
    status: Status,
    precondition: StatusPrecondition<T> | undefined,
    signal: AbortSignal,
  ): Promise<boolean>;
}

/** How often a write starts anew because somebody who takes no lock has changed the file under it. */
const maxAttempts = 50;

/** A file as it is, held still for other writers. */
interface Held<T> {
  readonly path: string;
  readonly text: string;
  readonly stored: StoredEntry<T> | undefined;
  /** Undefined: the file has changed meanwhile. */
  readonly replace: (text: string | undefined) => Promise<{ readonly version: string } | undefined>;
}

export function createFileWriter<T extends Resource>(options: FileWriterOptions<T>): FileWriter<T> {
  const { kind, layout, cache, find, statusFolder, description } = options;
  const overlay = (entry: StoredEntry<T>): StoredEntry<T> => statusFolder?.overlay(entry) ?? entry;

  /** Runs `edit` on the file that holds the resource, again and again until it says that it is done. */
  async function holding<R>(
    ref: Ref,
    signal: AbortSignal,
    edit: (held: Held<T>) => Promise<R | undefined>,
  ): Promise<R> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const found = find(ref);
      const path = found?.path ?? layout.ownPaths(kind, ref)[0];
      if (found === undefined) await makeFolderOf(path);
      const done = await withFileLock(targetOf(path), signal, async (lock) => {
        const snapshot = readSnapshot(path);
        const stored = storedIn(snapshot, ref);
        // Somebody has moved, created or deleted it before the lock was ours.
        if ((stored === undefined) !== (found === undefined)) return undefined;
        return await edit(held(path, snapshot, stored, lock));
      });
      if (done !== undefined) return done;
      signal.throwIfAborted();
    }
    const resource = resourceText(kind, ref);
    throw new EpoxyError("conflict", `the file of ${resource} changes faster than it can be written`, { resource });
  }

  function storedIn(snapshot: FileSnapshot | undefined, ref: Ref): StoredEntry<T> | undefined {
    if (snapshot === undefined) return undefined;
    const entry = cache.parse(snapshot, ref.namespace).entries.get(refKey(ref));
    return entry === undefined ? undefined : overlay(entry);
  }

  function held(
    path: string,
    snapshot: FileSnapshot | undefined,
    stored: StoredEntry<T> | undefined,
    lock: FileLock,
  ): Held<T> {
    return {
      path,
      text: snapshot?.text ?? "",
      stored,
      async replace(text) {
        const target = targetOf(path);
        if (text === undefined) {
          const removed = snapshot === undefined || (await removeFile(target, snapshot.identity, lock));
          return removed ? { version: "" } : undefined;
        }
        const identity = await replaceFile(target, text, snapshot?.identity, lock, options.fileMode);
        return identity === undefined ? undefined : { version: versionOf(identity, text) };
      },
    };
  }

  /** The entry that a text holds, which is about to be written. What can't be read back must not be written. */
  function readBack(path: string, text: string, version: string, ref: Ref): StoredEntry<T> {
    const content = cache.parse({ path, text, version }, ref.namespace);
    const entry = content.entries.get(refKey(ref));
    if (entry !== undefined) return entry;
    const cause = content.problems[0]?.error;
    const resource = resourceText(kind, ref);
    throw new EpoxyError("invalid", `${resource} can't be written as YAML: ${cause?.message}`, { cause, resource });
  }

  /** Writing over what can't be read would lose it. */
  async function guarded<R>(ref: Ref, run: () => Promise<R>): Promise<R> {
    try {
      return await run();
    } catch (error) {
      if (errorCode(error) !== "invalid" || !(error instanceof EpoxyError) || error.location === undefined) throw error;
      const resource = resourceText(kind, ref);
      const message = `${resource} is stored, but can't be read; mend or remove its file first: ${error.message}`;
      throw new EpoxyError("conflict", message, { cause: error, resource, location: error.location });
    }
  }

  /** Several files may claim it; the next would come into force. */
  async function deleteEverywhere(ref: Ref, expected: string | undefined, signal: AbortSignal): Promise<boolean> {
    let existed = false;
    while (find(ref) !== undefined) {
      const removed = await holding(ref, signal, async ({ text, stored, replace }) => {
        if (stored === undefined) return { existed: false };
        if (expected !== undefined && !existed && stored.version !== expected) {
          throw versionConflictError(kind, ref, expected, stored.version);
        }
        const rest = removeDocument(text, kind, ref, { defaultNamespace: ref.namespace });
        return (await replace(rest)) === undefined ? undefined : { existed: true };
      });
      if (!removed.existed) break;
      existed = true;
    }
    if (existed) await statusFolder?.delete(ref, signal);
    return existed;
  }

  return {
    put(ref, resource, expected, signal) {
      const { namespacedStatuses, ...specification } = resource;
      const inFile = statusFolder === undefined ? resource : (specification as unknown as T);
      return guarded(ref, () =>
        holding(ref, signal, async ({ path, text, stored, replace }) => {
          if (expected === null && stored !== undefined) throw alreadyExistsError(kind, ref);
          if (expected !== null && stored?.version !== expected) {
            throw versionConflictError(kind, ref, expected, stored?.version);
          }
          const edited = withResource(kind, path, text, inFile, ref.namespace);
          readBack(path, edited, "", ref);
          const written = await replace(edited);
          if (written === undefined) return undefined;
          if (statusFolder !== undefined) await statusFolder.put(ref, namespacedStatuses?.statuses ?? {}, signal);
          return overlay(readBack(path, edited, written.version, ref));
        }),
      );
    },

    delete: (ref, expected, signal) => guarded(ref, () => deleteEverywhere(ref, expected, signal)),

    async putStatus(ref, reporter, status, precondition, signal) {
      const mayWrite = (stored: StoredEntry<T>): boolean =>
        !isDeepStrictEqual(statusOf(stored.resource, reporter), status) &&
        precondition?.(deepFreeze(stored.resource)) !== false;

      const found = find(ref);
      if (found === undefined) throw notFoundError(kind, ref, description);
      if (!mayWrite(overlay(found.entry))) return false;
      if (statusFolder !== undefined) return await statusFolder.set(ref, reporter, status, signal);
      const { written } = await holding(ref, signal, async ({ path, text, stored, replace }) => {
        if (stored === undefined) throw notFoundError(kind, ref, description);
        if (!mayWrite(stored)) return { written: false };
        const edited = withStatus(kind, path, text, ref, reporter, status);
        if (edited.text === text) return { written: false };
        // So that the file isn't parsed again when the event comes.
        if (edited.parsed !== undefined) cache.parse({ path, version: "", ...edited }, ref.namespace);
        return (await replace(edited.text)) === undefined ? undefined : { written: true };
      });
      return written;
    },
  };
}
