import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  futimesSync,
  fsync,
  open,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { link, mkdir, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { type FileIdentity, fileError, hasErrno, identityAt, identityOf, sameIdentity } from "./file-snapshot.ts";
import { type FileLock, temporaryPathBeside } from "./file-lock.ts";

/*
 * What waits for a disk or makes a file is done by the thread pool. The rest takes a few microseconds, far less than the way there and
 * back, and so is done at once.
 */
const openFile = promisify(open);
const syncFile = promisify(fsync);

/** The file that a path leads to; the path itself if there is none yet. */
export function targetOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return path;
    throw fileError(error, path);
  }
}

export async function makeFolderOf(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw fileError(error, path);
  }
}

/**
 * Puts `text` in a file's place in one step, so that a reader finds the old text or the new one, and a crash leaves one of them.
 * Mode and owner stay. Gives the new file's identity, or undefined if the file is no longer as `before` says (undefined: absent),
 * in which case nothing is written. A new file has `newFileMode` less the process's umask.
 */
export async function replaceFile(
  path: string,
  text: string,
  before: FileIdentity | undefined,
  lock: FileLock,
  newFileMode: number,
): Promise<FileIdentity | undefined> {
  const temporary = temporaryPathBeside(path, lock.token);
  let placed = false;
  try {
    // What replaces a secret must not be readable for a moment.
    const file = await openFile(temporary, "wx", before === undefined ? newFileMode : 0o600);
    let identity: FileIdentity;
    try {
      writeFileSync(file, text);
      if (before !== undefined) copyPermissions(path, file);
      setModified(file, before?.mtime ?? 0n);
      await syncFile(file);
      identity = identityOf(fstatSync(file, { bigint: true }));
    } finally {
      closeSync(file);
    }
    if (!(await lock.isHeld()) || !isAsBefore(path, before)) return undefined;
    if (before === undefined) {
      // Unlike rename, this fails if somebody who takes no lock has made the file just now.
      await link(temporary, path);
    } else {
      // At once after the look: no system call replaces a file only if it is a certain one, and an editor's save in between would be lost.
      renameSync(temporary, path);
      placed = true;
    }
    return identity;
  } catch (error) {
    if (before === undefined && hasErrno(error, "EEXIST")) return undefined;
    throw fileError(error, path);
  } finally {
    if (!placed) await unlink(temporary).catch(() => undefined);
  }
}

/** Removes the file if it is as `before` says. */
export async function removeFile(path: string, before: FileIdentity, lock: FileLock): Promise<boolean> {
  try {
    if (!(await lock.isHeld()) || !isAsBefore(path, before)) return false;
    unlinkSync(path);
    noteModified(before.mtime);
    return true;
  } catch (error) {
    throw fileError(error, path);
  }
}

function isAsBefore(path: string, before: FileIdentity | undefined): boolean {
  const now = identityAt(path);
  return now === undefined || before === undefined ? now === before : sameIdentity(now, before);
}

function copyPermissions(path: string, file: number): void {
  const { mode, uid, gid } = statSync(path);
  try {
    fchownSync(file, uid, gid);
  } catch (error) {
    // Only root may give a file away; the content is what matters.
    if (!hasErrno(error, "EPERM")) throw error;
  }
  fchmodSync(file, mode & 0o7777);
}

/** Microseconds since 1970, of the latest file written or removed by this process. */
let latest = 0;

const noteModified = (mtime: bigint): void => {
  latest = Math.max(latest, Number(mtime / 1000n));
};

/**
 * A file system's clock ticks every few milliseconds, and it gives a freed inode to the next file. So that no two states of a file
 * ever look the same, each gets a time of its own: later than its forerunner's and all that this process has seen, and at random
 * within the millisecond, for a forerunner that another process has removed.
 */
function setModified(file: number, forerunner: bigint): void {
  noteModified(forerunner);
  latest = Math.max(latest + 1, Date.now() * 1000 - Math.floor(Math.random() * 1000));
  futimesSync(file, latest / 1_000_000, latest / 1_000_000);
}
