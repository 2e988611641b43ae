import { closeSync, constants, openSync, readSync } from "node:fs";
import { EpoxyError } from "../errors/index.ts";

/** Bytes that a file or the standard input may have: far above what people write, far below what hurts. */
export const MAX_INPUT_BYTES = 64 * 1024 * 1024;

/** How long a pipe's writer may keep silent, in milliseconds. */
const SILENCE_MS = 30_000;

/**
 * Reads a file that was named on the command line: a regular one, a pipe (`<(…)`), or `/dev/stdin`. `/dev/zero` and its like have no end,
 * so reading stops at the limit. A named pipe that nobody writes to is empty: waiting for a writer could not even be interrupted.
 * @throws EpoxyError `invalid`, located, if it can't be read or is too large
 */
export function readBytes(path: string): Buffer {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      for (;;) {
        const chunk = Buffer.allocUnsafe(64 * 1024);
        const read = readWhenThere(fd, chunk);
        if (read === 0) return Buffer.concat(chunks, length);
        chunks.push(chunk.subarray(0, read));
        length += read;
        if (length > MAX_INPUT_BYTES) throw new Error(tooLarge);
      }
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw unreadable(path, (cause as Error).message, cause);
  }
}

function readWhenThere(fd: number, chunk: Buffer): number {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; waited < SILENCE_MS; waited += 10) {
    try {
      return readSync(fd, chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(nothing, 0, 0, 10);
    }
  }
  throw new Error(`nothing came for ${SILENCE_MS / 1000} s`);
}

/**
 * The same as text.
 * @throws EpoxyError `invalid`, located, if it can't be read, is too large or not UTF-8
 */
export function readText(path: string): string {
  return decodeText(readBytes(path), path);
}

/** @throws EpoxyError `invalid`, located, if the bytes aren't UTF-8 */
export function decodeText(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw unreadable(source, "it is not UTF-8 text", cause);
  }
}

/**
 * All of a stream as text.
 * @throws EpoxyError `invalid` if it is too large or not UTF-8
 */
export async function readStream(stream: AsyncIterable<Uint8Array>, source: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_INPUT_BYTES) throw unreadable(source, tooLarge);
  }
  return decodeText(Buffer.concat(chunks, length), source);
}

const tooLarge = `it has more than ${MAX_INPUT_BYTES / 1024 / 1024} MiB`;

const unreadable = (source: string, why: string, cause?: unknown): EpoxyError =>
  new EpoxyError("invalid", `${source}: can't be read: ${why}`, { cause, location: { source } });
