import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileStorage } from "../../src/storage/file/index.ts";
import { type StorageHarness, storageContract } from "../contracts/storage.contract.ts";
import { putFile } from "./support/files.ts";

/** @param statuses whether statuses lie in a folder of their own */
const harness = (statuses: boolean) => {
  const open = (base: string) =>
    createFileStorage({
      directory: join(base, "config"),
      statusDirectory: statuses ? join(base, "status") : undefined,
      backoff: { initial: 10, max: 20 },
    });
  const files: StorageHarness<{ base: string; storage: ReturnType<typeof open>; dispose: () => Promise<void> }> = {
    tellsWhenSeen: true,
    async open() {
      const base = await mkdtemp(join(tmpdir(), "epoxy-files-"));
      const storage = open(base);
      const dispose = async () => {
        await storage.close();
        await rm(base, { recursive: true, force: true });
      };
      return { base, storage, dispose };
    },
    another: async ({ base }) => open(base),
    async putRaw({ base }, { plural }, { namespace, name }, text) {
      await putFile(join(base, "config", plural, namespace, `${name}.yaml`), text);
    },
    // In the directory's place there is something that is none.
    async interrupt({ base }) {
      await rename(join(base, "config"), join(base, "away"));
      await writeFile(join(base, "config"), "");
      return async () => {
        await rm(join(base, "config"));
        await rename(join(base, "away"), join(base, "config"));
      };
    },
  };
  return files;
};

storageContract("file", harness(false));
storageContract("file (statuses in a side folder)", harness(true));
