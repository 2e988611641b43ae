import { createHash, hash } from "node:crypto";
import { readSync } from "node:fs";
import { type FileHandle, open, readFile, rename } from "node:fs/promises";
import { setImmediate as breath } from "node:timers/promises";
import { EpoxyError } from "../../errors/index.ts";
import { type SectionedMap, sectionedMap } from "./sectioned-map.ts";

/**
 * Values by section and key in one file that is only ever appended to, but for a rewrite now and then. A change costs its own size: a long value
 * that changes in the middle is written as that middle. In memory are the keys, and where in the file each value is.
 *
 * The file is a first line that names the format, then records: length, checksum, edits. A record is there whole or not at all.
 */
export interface Journal {
  /** Names of the sections that hold something. */
  sections(): Iterable<string>;
  keys(section: string): Iterable<string>;
  has(section: string, key: string): boolean;
  /** Undefined, too, for a value that can't be read any more. */
  get(section: string, key: string): Buffer | undefined;
  /** Length in bytes; 0 if there is none. */
  sizeOf(section: string, key: string): number;
  /** Bytes of keys and values. */
  readonly liveBytes: number;
  /** Makes the edits (undefined deletes), all or none of which survive a crash of the process. @throws EpoxyError `unavailable` */
  write(edits: SectionedMap<Buffer | undefined>): Promise<void>;
  close(): Promise<void>;
}

/**
 * Where a value is: in the file, as `offset * LENGTHS + length`, a number being the least that memory can hold; or itself, if it isn't
 * in the file in one piece.
 */
type Place = number | Buffer;
const LENGTHS = 2 ** 22;
const OFFSETS = 2 ** 31;

const placeAt = (offset: number, value: Buffer): Place =>
  value.length < LENGTHS && offset < OFFSETS ? offset * LENGTHS + value.length : value;

/**
 * Opens a file, or begins a new one; what it holds is ignored if it can't be trusted, after `onIgnored` has been told why. `readOnly`: the file
 * is another's, who may be writing to it; there must be no writes.
 */
export async function openJournal(
  path: string,
  onIgnored: (reason: string) => void,
  readOnly = false,
): Promise<Journal> {
  const { values, content, goodBytes, reason } = await readJournal(path);
  if (reason !== undefined) onIgnored(reason);
  let places = values as SectionedMap<Place>;
  let liveBytes = 0;
  for (const [section, key, value] of values) liveBytes += nameBytes(section, key) + value.length;
  let file: FileHandle | undefined;
  let fileBytes = goodBytes;
  // Set when the file lacks what later records would build on.
  let isBehind = goodBytes === 0;
  /** The file as it was opened: whoever starts reads much of it. */
  let loaded: Buffer | undefined = content;

  if (goodBytes > 0 && !readOnly) {
    file = await open(path, "r+");
    // What a crash left half written.
    await file.truncate(goodBytes);
  }

  function get(section: string, key: string): Buffer | undefined {
    const place = places.get(section, key);
    if (place === undefined || typeof place !== "number") return place;
    const value = Buffer.allocUnsafe(place % LENGTHS);
    try {
      if (value.length === 0) return value;
      const read = file && readSync(file.fd, value, 0, value.length, Math.floor(place / LENGTHS));
      return read === value.length ? value : undefined;
    } catch {
      return undefined;
    }
  }
  const sizeOf = (section: string, key: string): number => {
    const place = places.get(section, key);
    return typeof place === "number" ? place % LENGTHS : (place?.length ?? 0);
  };

  /** From the first write on, what was loaded is read from the file. */
  function unload(): void {
    if (loaded === undefined || file === undefined) return;
    for (const [section, key, place] of places) {
      if (typeof place === "number" || place.buffer !== loaded.buffer) continue;
      places.set(section, key, placeAt(place.byteOffset - loaded.byteOffset, place));
    }
    loaded = undefined;
  }

  async function rewrite(): Promise<void> {
    const temporary = `${path}.new`;
    const next = await open(temporary, "w+", 0o600);
    const moved = sectionedMap<Place>();
    let movedBytes = 0;
    let bytes = FIRST_LINE.length + HEADER;
    try {
      const sum = createHash("sha256");
      let chunk = Buffer.allocUnsafe(CHUNK);
      let end = 0;
      const flush = async (): Promise<void> => {
        sum.update(chunk.subarray(0, end));
        await writeAt(next, chunk.subarray(0, end), bytes);
        bytes += end;
        end = 0;
      };
      for (const [section, key] of places) {
        const value = get(section, key);
        if (value === undefined) continue;
        const space = spaceFor(section, key, value);
        if (end + space > chunk.length) await flush();
        if (space > chunk.length) chunk = Buffer.allocUnsafe(space);
        end = encodeEdit(chunk, end, section + NUL + key, undefined, value).end;
        moved.set(section, key, placeAt(bytes + end - value.length, value));
        movedBytes += nameBytes(section, key) + value.length;
      }
      await flush();
      const header = encodeHeader(bytes - FIRST_LINE.length - HEADER, sum.digest());
      await writeAt(next, Buffer.concat([FIRST_LINE, header]), 0);
      await next.sync();
      await rename(temporary, path);
    } catch (error) {
      await next.close();
      throw error;
    }
    await file?.close();
    file = next;
    fileBytes = bytes;
    isBehind = false;
    loaded = undefined;
    liveBytes = movedBytes;
    places = moved;
  }

  return {
    sections: () => places.sections(),
    *keys(section) {
      for (const [key] of places.entries(section)) yield key;
    },
    has: (section, key) => places.has(section, key),
    get,
    sizeOf,
    get liveBytes() {
      return liveBytes;
    },
    async write(edits) {
      unload();
      const isAppending = file !== undefined && !isBehind;
      let space = HEADER;
      for (const [section, key, value] of edits) space += spaceFor(section, key, value);
      const record = Buffer.allocUnsafe(isAppending ? space : 0);
      const whole: [section: string, key: string, at: number, value: Buffer][] = [];
      let at = HEADER;
      let count = 0;
      for (const [section, key, value] of edits) {
        if (++count % BATCH === 0) await breath();
        const before = get(section, key);
        if (value === undefined ? before === undefined : before?.equals(value) === true) continue;
        const edit = isAppending ? encodeEdit(record, at, section + NUL + key, before, value) : undefined;
        at = edit?.end ?? at;
        if (before !== undefined) liveBytes -= nameBytes(section, key) + before.length;
        if (value === undefined) {
          places.delete(section, key);
        } else {
          places.set(section, key, value);
          liveBytes += nameBytes(section, key) + value.length;
          if (edit?.isWhole === true) whole.push([section, key, at - value.length, value]);
        }
      }
      if (at === HEADER && !isBehind) return;
      try {
        if (file === undefined || isBehind || fileBytes + at > 2 * liveBytes + SLACK) {
          await rewrite();
        } else {
          const content = record.subarray(HEADER, at);
          encodeHeader(content.length, createHash("sha256").update(content).digest()).copy(record);
          await writeAt(file, record.subarray(0, at), fileBytes);
          for (const [section, key, offset, value] of whole)
            places.set(section, key, placeAt(fileBytes + offset, value));
          fileBytes += at;
        }
      } catch (cause) {
        isBehind = true;
        throw new EpoxyError("unavailable", `${path} can't be written: ${(cause as Error).message}`, { cause });
      }
    },
    close: async () => file?.close(),
  };
}

/** Bytes that are written at a time when the file is rewritten. */
const CHUNK = 1_000_000;
/** Edits encoded between two breaths of the event loop. */
const BATCH = 1_000;

async function writeAt(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
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

function encodeHeader(length: number, digest: Buffer): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(length);
  digest.copy(header, 4, 0, CHECKSUM);
  return header;
}

/** The most bytes that an edit takes. */
const spaceFor = (section: string, key: string, value: Buffer | undefined): number =>
  EDIT + 3 * nameBytes(section, key) + (value?.length ?? 0);

/** Between a section's name, which has none, and a key. */
const NUL = "\0";

/** What a name of plain letters takes. */
const nameBytes = (section: string, key: string): number => section.length + NUL.length + key.length;

/**
 * Key, then what stays of the value's start and end, and what is between; or that it is deleted. `isWhole`: what is between is all of it;
 * it stands at the end.
 */
function encodeEdit(
  target: Buffer,
  at: number,
  key: string,
  before: Buffer | undefined,
  after: Buffer | undefined,
): { readonly end: number; readonly isWhole: boolean } {
  const nameLength = target.write(key, at + EDIT);
  let start = 0;
  let end = 0;
  if (before !== undefined && after !== undefined && Math.min(before.length, after.length) >= MIN_SPLICE) {
    const most = Math.min(before.length, after.length);
    while (start < most && before[start] === after[start]) start++;
    while (end < most - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  }
  const length = (after?.length ?? 0) - start - end;
  target.writeUInt8(after === undefined ? 0 : 1, at);
  target.writeUInt32LE(nameLength, at + 1);
  target.writeUInt32LE(start, at + 5);
  target.writeUInt32LE(end, at + 9);
  target.writeUInt32LE(length, at + 13);
  const middle = at + EDIT + nameLength;
  after?.copy(target, middle, start, start + length);
  return { end: middle + length, isWhole: start + end === 0 };
}

function applyEdits(content: Buffer, values: SectionedMap<Buffer>): void {
  for (let at = 0; at < content.length; ) {
    const isSet = content.readUInt8(at) === 1;
    const nameLength = content.readUInt32LE(at + 1);
    const [start, end, length] = [5, 9, 13].map((offset) => content.readUInt32LE(at + offset)) as [
      number,
      number,
      number,
    ];
    at += EDIT;
    const bar = content.indexOf(0, at);
    const section = content.toString("utf8", at, bar);
    const key = content.toString("utf8", bar + 1, at + nameLength);
    at += nameLength;
    if (!isSet) {
      values.delete(section, key);
      continue;
    }
    const middle = content.subarray(at, at + length);
    at += length;
    const before = values.get(section, key);
    values.set(
      section,
      key,
      before === undefined || start + end === 0
        ? middle
        : Buffer.concat([before.subarray(0, start), middle, before.subarray(before.length - end)]),
    );
  }
}

interface Content {
  readonly values: SectionedMap<Buffer>;
  /** The file; values are pieces of it, but for those that edits have put together. */
  readonly content?: Buffer;
  /** Length of the file up to where it can be trusted; 0: nothing of it. */
  readonly goodBytes: number;
  /** Why what is there is ignored. */
  readonly reason?: string;
}

async function readJournal(path: string): Promise<Content> {
  const nothing = (reason?: string): Content => ({ values: sectionedMap(), goodBytes: 0, ...(reason && { reason }) });
  let file: Buffer;
  try {
    file = await readFile(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? nothing() : nothing((error as Error).message);
  }
  if (!file.subarray(0, FIRST_LINE.length).equals(FIRST_LINE)) {
    return nothing("it is not a saved state of this version of Epoxy");
  }
  const values = sectionedMap<Buffer>();
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
  return { values, content: file, goodBytes: at };
}
