import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { EpoxyError } from "../../errors/index.ts";

/** What tells one state of a file from another without reading it. */
export interface FileIdentity {
  readonly mtime: bigint;
  readonly ctime: bigint;
  readonly inode: bigint;
  readonly size: bigint;
}

/** A file as it was at one moment. */
export interface FileSnapshot {
  readonly path: string;
  readonly identity: FileIdentity;
  readonly text: string;
  /** Of this state of the file; no other state, not even one with the same text, has it. */
  readonly version: string;
  /** Whether any later change is sure to show in the identity: clocks of file systems tick in milliseconds. */
  readonly settled: boolean;
}

export const identityOf = (stats: BigIntStats): FileIdentity => ({
  mtime: stats.mtimeNs,
  ctime: stats.ctimeNs,
  inode: stats.ino,
  size: stats.size,
});

export const sameIdentity = (a: FileIdentity, b: FileIdentity): boolean =>
  a.mtime === b.mtime && a.ctime === b.ctime && a.inode === b.inode && a.size === b.size;

/** Follows symbolic links. Undefined if there is none. */
export function identityAt(path: string): FileIdentity | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? undefined : identityOf(stats);
}

/** The version of a file's state: when it was written, as which file, and what. */
export const versionOf = (identity: FileIdentity, text: string): string =>
  [identity.mtime.toString(36), identity.inode.toString(36), hash("sha1", text).slice(0, 10)].join("-");

/** Far above what people write by hand, and what a program can hold as one text. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Longer than any file system's tick. */
const tick = 20;

/**
 * Reads a file, or gives undefined if there is none. Reading is synchronous: for small local files that takes a tenth of what four
 * trips to the thread pool take, and parsing, which takes far longer, blocks the loop anyway. Callers read in slices.
 * @throws EpoxyError `unavailable` if it can't be read, `invalid` if it is no text
 */
export function readSnapshot(path: string): FileSnapshot | undefined {
  let fd: number;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for its writer for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw fileError(error, path);
  }
  try {
    const stats = fstatSync(fd, { bigint: true });
    if (!stats.isFile()) throw new EpoxyError("invalid", `${path} is not a file`, { location: { source: path } });
    const identity = identityOf(stats);
    if (identity.size > MAX_FILE_BYTES) {
      const size = `${Math.round(Number(identity.size) / 1024 / 1024)} MiB`;
      const message = `${path} has ${size}, more than the ${MAX_FILE_BYTES / 1024 / 1024} MiB a file may have: split it`;
      throw new EpoxyError("invalid", message, { location: { source: path } });
    }
    const bytes = readAll(fd, Number(identity.size));
    if (!isUtf8(bytes)) {
      throw new EpoxyError("invalid", `${path} is not UTF-8 text`, { location: { source: path } });
    }
    const text = bytes.toString("utf8");
    const changed = Number((identity.mtime > identity.ctime ? identity.mtime : identity.ctime) / 1_000_000n);
    return { path, identity, text, version: versionOf(identity, text), settled: Date.now() - changed > tick };
  } catch (error) {
    throw fileError(error, path);
  } finally {
    closeSync(fd);
  }
}

function readAll(fd: number, expected: number): Buffer {
  // One byte more, so that the end of the file shows in the first read already.
  let buffer = Buffer.allocUnsafe(expected + 1);
  let length = 0;
  for (;;) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    length += read;
    if (read === 0 || length < buffer.length) return buffer.subarray(0, length);
    buffer = Buffer.concat([buffer], buffer.length * 2);
  }
}

/** Whether an error of the file system has one of the codes. */
export const hasErrno = (error: unknown, ...codes: readonly string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException | null)?.code ?? "");

/** An error of the file system as `unavailable`, located; an EpoxyError as it is. */
export function fileError(error: unknown, path: string): EpoxyError {
  if (error instanceof EpoxyError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new EpoxyError("unavailable", `${path}: ${message}`, { cause: error, location: { source: path } });
}
