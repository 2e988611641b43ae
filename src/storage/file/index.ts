import type { AnyKind } from "../../resources/index.ts";
import type { Storage } from "../client.ts";
import { createStorage, type RuntimeOptions } from "../runtime-storage.ts";
import { createFileDriver } from "./file-driver.ts";

export type { FileLock } from "./file-lock.ts";
export { withFileLock } from "./file-lock.ts";

export interface FileStorageOptions extends RuntimeOptions {
  /** Where the resources lie. It need not exist yet: an absent directory is empty, and is made by the first write. */
  readonly directory: string;
  /**
   * Where statuses are written, in the same layout, for directories that only people (or Git) should change. By default
   * a status is written into its resource's file, where nothing but the status changes.
   */
  readonly statusDirectory?: string | undefined;
  /** The folder of a kind within the directories; default its plural. Empty: the directory itself holds the namespaces. */
  readonly folder?: ((kind: AnyKind) => string) | undefined;
  /**
   * Milliseconds between two looks at all files; default 30,000. Changes are seen by file events at once; this is for
   * file systems that have none. Files that look unchanged are not read.
   */
  readonly rescanInterval?: number | undefined;
  /** Mode of new files, less the process's umask; default 0o666. For secrets: 0o600. Existing files keep theirs. */
  readonly fileMode?: number | undefined;
}

/**
 * Storage in YAML files, `<directory>/<plural>/<namespace>/<name>.yaml`. A file may hold several documents, in either shape, and JSON
 * (`.json`) as well. Any number of processes may write at once; editors take no part in locking, but what they save is never
 * overwritten unseen.
 */
export function createFileStorage(options: FileStorageOptions): Storage {
  const { clock, backoff, ...driverOptions } = options;
  return createStorage(createFileDriver(driverOptions), { clock, backoff });
}
