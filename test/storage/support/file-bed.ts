import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStorage, type ResourceClient, type Storage } from "../../../src/storage/index.ts";
import { createFileDriver, type FileDriverOptions } from "../../../src/storage/file/file-driver.ts";
import { type Widget, WidgetKind } from "../../contracts/support/kinds.ts";
import { putFile } from "./files.ts";

/** A file storage on a new folder. */
export interface FileBed {
  readonly directory: string;
  readonly storage: Storage;
  readonly widgets: ResourceClient<Widget>;
  /** Path of a widget's file. */
  readonly path: (name: string, namespace?: string) => string;
  /** Writes a file within the directory, in place. */
  readonly put: (path: string, text: string) => Promise<void>;
  /** Aborted when the test is over. */
  readonly signal: AbortSignal;
}

/** Runs a test on a new folder, in which nothing exists yet. */
export const onNewFolder =
  (test: (bed: FileBed) => Promise<void>, options: Partial<FileDriverOptions> = {}) =>
  async (): Promise<void> => {
    const base = await mkdtemp(join(tmpdir(), "epoxy-files-"));
    const directory = join(base, "config");
    const over = new AbortController();
    const storage = createStorage(createFileDriver({ directory, ...options }), { backoff: { initial: 10, max: 20 } });
    const path = (name: string, namespace = "ns-1") => join(directory, "widgets", namespace, `${name}.yaml`);
    try {
      const put = (relative: string, text: string) => putFile(join(directory, relative), text);
      await test({ directory, storage, widgets: storage.client(WidgetKind), path, put, signal: over.signal });
    } finally {
      over.abort();
      await storage.close();
      await rm(base, { recursive: true, force: true });
    }
  };

/** A widget as people write it. */
export const yaml = (name: string, text: string): string =>
  `metadata:\n  name: ${name}\ntext: ${JSON.stringify(text)}\n`;
