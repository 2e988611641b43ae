import type { KvEntry, KvListing } from "./consul-queries.ts";

/** As Consul writes it. */
export interface RawEntry {
  readonly Key: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  readonly Value: string | null;
  readonly Session?: string;
}

/** @param text decodes the value */
export const kvEntry = (item: Omit<RawEntry, "Value">, text: () => string): KvEntry => ({
  key: item.Key,
  createIndex: item.CreateIndex,
  modifyIndex: item.ModifyIndex,
  session: item.Session || undefined,
  text,
});

const QUOTE = 0x22;
const NEWLINE = 0x0a;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CLOSE_ENTRY = 0x7d;

/**
 * Consul's answer to a read of a prefix, an array of entries. It comes whole for every change of one key, so it stays the bytes that it is: two answers are
 * compared as such, and only what differs is parsed. Were megabytes of strings made of each, V8 would collect its whole heap for each change.
 *
 * @param body undefined: no entries
 * @throws SyntaxError if it is no JSON array; where that shows only inside of it, the listing's methods do
 */
export function readKvListing(body: Buffer = Buffer.from("[]")): KvListing {
  const end = body.at(-1) === NEWLINE ? body.length - 1 : body.length;
  if (body[0] !== OPEN || body[end - 1] !== CLOSE) throw new SyntaxError("no JSON array");
  const bytes = body.subarray(0, end);
  return {
    bytes,
    isEmpty: !bytes.includes(CLOSE_ENTRY),
    entries: () => parseEntries(bytes),
    changesSince(earlier) {
      const [then, now] = differing(earlier.bytes, bytes);
      const before = new Map(parseEntries(then).map((entry) => [entry.key, entry]));
      const written = parseEntries(now).filter(({ key, createIndex, modifyIndex }) => {
        const known = before.get(key);
        before.delete(key);
        return known?.createIndex !== createIndex || known.modifyIndex !== modifyIndex;
      });
      return { written, deleted: [...before.keys()] };
    },
  };
}

/** @param body a JSON array, or what stands within one */
function parseEntries(body: Buffer): readonly KvEntry[] {
  const items: RawEntry[] = JSON.parse(body[0] === OPEN ? body.toString() : `[${body.toString()}]`);
  return items.map((item) => kvEntry(item, () => Buffer.from(item.Value ?? "", "base64").toString()));
}

/** Whole entries of each, all that differ among them. */
function differing(a: Buffer, b: Buffer): readonly [Buffer, Buffer] {
  // What begins an entry, up to the first letter of its first field, with the white space of Consul's development mode. What parts two entries can't
  // stand in a key, where a quotation mark has a backslash before it.
  const opening = a.subarray(1, a.indexOf(QUOTE) + 2);
  const border = Buffer.concat([Buffer.from("},"), opening]);
  const shorter = Math.min(a.length, b.length);
  const alike = commonLength(shorter, (from, to) => a.compare(b, from, to, from, to) === 0);
  const before = a.subarray(0, alike).lastIndexOf(border);
  if (before < 0) return [a, b];
  const head = before + "},".length;
  const alikeAtEnd = commonLength(
    shorter - head,
    (from, to) => a.compare(b, b.length - to, b.length - from, a.length - to, a.length - from) === 0,
  );
  const after = a.indexOf(border, a.length - alikeAtEnd);
  const tail = after < 0 ? 1 : a.length - after - 1;
  return [a.subarray(head, a.length - tail), b.subarray(head, b.length - tail)];
}

/** The most that is alike from 0 on, of `end` at most. */
function commonLength(end: number, isAlike: (from: number, to: number) => boolean): number {
  let length = 0;
  for (let step = 65_536; step >= 1; ) {
    if (length + step <= end && isAlike(length, length + step)) length += step;
    else step >>= 1;
  }
  return length;
}
