import { hash } from "node:crypto";
import { type FileHandle, open, readFile, rename } from "node:fs/promises";
import { EpoxyError } from "../../errors/index.ts";

/**
 * Values by key in one file that is only ever appended to, but for a rewrite now and then. A change costs its own size: a long value
 * that changes in the middle is written as that middle.
 *
 * The file is a first line that names the format, then records: length, checksum, edits. A record is there whole or not at all.
 */
export interface Journal {
  readonly values: ReadonlyMap<string, Buffer>;
  /** Bytes of keys and values. */
  readonly liveBytes: number;
  /** Makes the edits (undefined deletes), all or none of which survive a crash of the process. @throws EpoxyError `unavailable` */
  write(edits: ReadonlyMap<string, Buffer | undefined>): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a file, or begins a new one; what it holds is ignored if it can't be trusted, after `onIgnored` has been told why. `readOnly`: the file
 * is another's, who may be writing to it; there must be no writes.
 */
export async function openJournal(
  path: string,
  onIgnored: (reason: string) => void,
  readOnly = false,
): Promise<Journal> {
  const { values, goodBytes, reason } = await readJournal(path);
  if (reason !== undefined) onIgnored(reason);
  let liveBytes = 0;
  for (const [key, value] of values) liveBytes += key.length + value.length;
  let file: FileHandle | undefined;
  let fileBytes = goodBytes;
  // Set when the file lacks what later records would build on.
  let isBehind = goodBytes === 0;

  async function rewrite(): Promise<void> {
    const temporary = `${path}.new`;
    const next = await open(temporary, "w", 0o600);
    try {
      const record = encodeRecord([...values].flatMap(([key, value]) => encodeEdit(key, undefined, value)));
      await next.writeFile(Buffer.concat([FIRST_LINE, record]));
      await next.sync();
      await rename(temporary, path);
      fileBytes = FIRST_LINE.length + record.length;
    } catch (error) {
      await next.close();
      throw error;
    }
    await file?.close();
    file = next;
    isBehind = false;
  }

  if (goodBytes > 0 && !readOnly) {
    file = await open(path, "r+");
    // What a crash left half written.
    await file.truncate(goodBytes);
  }

  return {
    values,
    get liveBytes() {
      return liveBytes;
    },
    async write(edits) {
      const encoded: Buffer[] = [];
      for (const [key, value] of edits) {
        const before = values.get(key);
        if (value === undefined ? before === undefined : before?.equals(value) === true) continue;
        encoded.push(...encodeEdit(key, before, value));
        if (before !== undefined) liveBytes -= key.length + before.length;
        if (value === undefined) {
          values.delete(key);
        } else {
          values.set(key, value);
          liveBytes += key.length + value.length;
        }
      }
      if (encoded.length === 0 && !isBehind) return;
      try {
        const record = encodeRecord(encoded);
        if (file === undefined || isBehind || fileBytes + record.length > 2 * liveBytes + SLACK) {
          await rewrite();
        } else {
          await file.write(record, 0, record.length, fileBytes);
          fileBytes += record.length;
        }
      } catch (cause) {
        isBehind = true;
        throw new EpoxyError("unavailable", `${path} can't be written: ${(cause as Error).message}`, { cause });
      }
    },
    close: async () => file?.close(),
  };
}

const FIRST_LINE = Buffer.from("epoxy saved state 1\n");
/** Bytes that a file may hold in vain before it is rewritten, beyond as many again as it holds for good. */
const SLACK = 1_000_000;
const CHECKSUM = 16;
const HEADER = 4 + CHECKSUM;
/** Of an edit, before the key: what it is, and four lengths. */
const EDIT = 1 + 4 * 4;
/** Values shorter than this are written whole. */
const MIN_SPLICE = 1_024;

const checksum = (content: Buffer): Buffer => Buffer.from(hash("sha256", content, "hex").slice(0, 2 * CHECKSUM), "hex");

function encodeRecord(pieces: readonly Buffer[]): Buffer {
  const record = Buffer.concat([Buffer.alloc(HEADER), ...pieces]);
  record.writeUInt32LE(record.length - HEADER);
  checksum(record.subarray(HEADER)).copy(record, 4);
  return record;
}

/** Key, then what stays of the value's start and end, and what is between; or that it is deleted. In pieces, to be joined once. */
function encodeEdit(key: string, before: Buffer | undefined, after: Buffer | undefined): readonly Buffer[] {
  const nameLength = Buffer.byteLength(key);
  const head = Buffer.allocUnsafe(EDIT + nameLength);
  head.writeUInt8(after === undefined ? 0 : 1);
  head.writeUInt32LE(nameLength, 1);
  head.write(key, EDIT);
  let start = 0;
  let end = 0;
  if (before !== undefined && after !== undefined && Math.min(before.length, after.length) >= MIN_SPLICE) {
    const most = Math.min(before.length, after.length);
    while (start < most && before[start] === after[start]) start++;
    while (end < most - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  }
  const middle = after?.subarray(start, after.length - end);
  head.writeUInt32LE(start, 5);
  head.writeUInt32LE(end, 9);
  head.writeUInt32LE(middle?.length ?? 0, 13);
  return middle === undefined ? [head] : [head, middle];
}

function applyEdits(content: Buffer, values: Map<string, Buffer>): void {
  for (let at = 0; at < content.length; ) {
    const isSet = content.readUInt8(at) === 1;
    const nameLength = content.readUInt32LE(at + 1);
    const [start, end, length] = [5, 9, 13].map((offset) => content.readUInt32LE(at + offset)) as [
      number,
      number,
      number,
    ];
    at += EDIT;
    const key = content.toString("utf8", at, at + nameLength);
    at += nameLength;
    if (!isSet) {
      values.delete(key);
      continue;
    }
    const middle = content.subarray(at, at + length);
    at += length;
    const before = values.get(key);
    values.set(
      key,
      before === undefined || start + end === 0
        ? middle
        : Buffer.concat([before.subarray(0, start), middle, before.subarray(before.length - end)]),
    );
  }
}

interface Content {
  readonly values: Map<string, Buffer>;
  /** Length of the file up to where it can be trusted; 0: nothing of it. */
  readonly goodBytes: number;
  /** Why what is there is ignored. */
  readonly reason?: string;
}

async function readJournal(path: string): Promise<Content> {
  const nothing = (reason?: string): Content => ({ values: new Map(), goodBytes: 0, ...(reason && { reason }) });
  let file: Buffer;
  try {
    file = await readFile(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? nothing() : nothing((error as Error).message);
  }
  if (!file.subarray(0, FIRST_LINE.length).equals(FIRST_LINE)) {
    return nothing("it is not a saved state of this version of Epoxy");
  }
  const values = new Map<string, Buffer>();
  let at = FIRST_LINE.length;
  while (at < file.length) {
    const end = at + HEADER <= file.length ? at + HEADER + file.readUInt32LE(at) : file.length + 1;
    // The last record of a process that was killed, or of a machine that lost power.
    if (end > file.length) break;
    const content = file.subarray(at + HEADER, end);
    if (!checksum(content).equals(file.subarray(at + 4, at + HEADER))) {
      if (end === file.length) break;
      return nothing(`its checksum is wrong at byte ${at} of ${file.length}`);
    }
    applyEdits(content, values);
    at = end;
  }
  return { values, goodBytes: at };
}
