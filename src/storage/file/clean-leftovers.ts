import { lstat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { breakLock, isAbandoned, isLockFile, isTemporaryFile, readOwner } from "./file-lock.ts";

/** Milliseconds. No write takes that long. */
const leftoverAge = 60_000;

/** Removes locks of dead processes and the temporary files that crashes have left. Never fails: the next look tries again. */
export async function cleanLeftovers(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (!isLockFile(name) && !isTemporaryFile(name)) continue;
    const path = join(folder, name);
    try {
      const { mtimeMs } = await lstat(path);
      if (Date.now() - mtimeMs < leftoverAge) continue;
      if (isTemporaryFile(name)) await unlink(path);
      else await cleanLock(path);
    } catch {
      // Gone meanwhile, or the folder is read-only.
    }
  }
}

async function cleanLock(path: string): Promise<void> {
  const owner = await readOwner(path);
  if (owner !== undefined && (await isAbandoned(path, owner))) await breakLock(path, owner);
}
