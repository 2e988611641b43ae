import type { Status } from "../../../generated/proto/epoxy/core/v1/status.ts";
import { EpoxyError } from "../../errors/index.ts";
import { type Kind, type Ref, renderResource, type Resource, refKey } from "../../resources/index.ts";
import type { StoredEntry } from "../driver.ts";
import { resourceText } from "../driver-errors.ts";
import type { FileCache } from "./file-cache.ts";
import { withFileLock } from "./file-lock.ts";
import { readSnapshot } from "./file-snapshot.ts";
import type { Layout } from "./layout.ts";
import { makeFolderOf, removeFile, replaceFile } from "./replace-file.ts";

type Statuses = Readonly<Record<string, Status>>;

/** Statuses in files of their own, so that the resources' files are touched by their authors only (a Git checkout, a mount). */
export interface StatusFolder<T> {
  readonly layout: Layout;
  readonly cache: FileCache<T>;
  /** The entry with its statuses, and a version that changes with them. A status here has precedence over one in the file. */
  overlay(entry: StoredEntry<T>): StoredEntry<T>;
  /** Sets one reporter's status. Resolves to whether something was written. */
  set(ref: Ref, reporter: string, status: Status, signal: AbortSignal): Promise<boolean>;
  /** Sets all statuses. */
  put(ref: Ref, statuses: Statuses, signal: AbortSignal): Promise<void>;
  delete(ref: Ref, signal: AbortSignal): Promise<void>;
}

const maxAttempts = 50;

export function createStatusFolder<T extends Resource>(
  kind: Kind<T>,
  layout: Layout,
  cache: FileCache<T>,
): StatusFolder<T> {
  const pathOf = (ref: Ref): string => layout.ownPaths(kind, ref)[0];
  const entryOf = (ref: Ref): StoredEntry<T> | undefined =>
    cache.load(pathOf(ref), ref.namespace)?.entries.get(refKey(ref));

  const render = ({ namespace, name }: Ref, statuses: Statuses): string =>
    renderResource(
      kind,
      kind.type.codec.fromPartial({ metadata: { namespace, name }, namespacedStatuses: { statuses } }),
    );

  /** A file that can't be read holds nothing that can't be reported again. */
  async function edit(ref: Ref, signal: AbortSignal, change: (statuses: Statuses) => Statuses): Promise<boolean> {
    const path = pathOf(ref);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const written = await withFileLock(path, signal, async (lock) => {
        const snapshot = readSnapshot(path);
        const before = entryOf(ref)?.resource.namespacedStatuses?.statuses ?? {};
        const statuses = change(before);
        if (statuses === before) return false;
        if (Object.keys(statuses).length > 0) {
          const identity = await replaceFile(path, render(ref, statuses), snapshot?.identity, lock, 0o666);
          return identity === undefined ? undefined : true;
        }
        return snapshot === undefined || (await removeFile(path, snapshot.identity, lock)) ? true : undefined;
      });
      if (written !== undefined) return written;
    }
    const resource = resourceText(kind, ref);
    throw new EpoxyError("conflict", `the status file of ${resource} changes faster than it can be written`, {
      resource,
    });
  }

  return {
    layout,
    cache,
    overlay(entry) {
      const status = entryOf(entry.ref);
      const version = status === undefined ? entry.version : `${entry.version}+${status.version}`;
      const { metadata, namespacedStatuses } = entry.resource;
      const statuses = { ...namespacedStatuses?.statuses, ...status?.resource.namespacedStatuses?.statuses };
      const resource = {
        ...entry.resource,
        metadata: { ...metadata, resourceVersion: version },
        ...(status === undefined ? {} : { namespacedStatuses: { ...namespacedStatuses, statuses } }),
      };
      return { ...entry, version, resource };
    },
    async set(ref, reporter, status, signal) {
      await makeFolderOf(pathOf(ref));
      return await edit(ref, signal, (statuses) => ({ ...statuses, [reporter]: status }));
    },
    async put(ref, statuses, signal) {
      if (Object.keys(statuses).length === 0 && entryOf(ref) === undefined) return;
      await makeFolderOf(pathOf(ref));
      await edit(ref, signal, () => statuses);
    },
    async delete(ref, signal) {
      if (readSnapshot(pathOf(ref)) !== undefined) await edit(ref, signal, () => ({}));
    },
  };
}
