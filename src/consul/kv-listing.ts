import type { KvEntry } from "./consul-queries.ts";

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

/**
 * Reads Consul's answer to a read of a prefix, an array of entries. It comes whole for every change of one key, so values, nearly all of it, are
 * passed over, and decoded where they are asked for. @throws SyntaxError if it is no JSON
 */
export function readKvListing(body: Buffer): readonly KvEntry[] {
  return (
    scan(body) ??
    (JSON.parse(body.toString()) as RawEntry[]).map((item) => kvEntry(item, () => decode(item.Value ?? "")))
  );
}

const decode = (base64: string): string => Buffer.from(base64, "base64").toString();

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Undefined: it isn't as Consul writes it, flat objects without white space or escapes; whatever that is, JSON.parse will tell. */
function scan(body: Buffer): readonly KvEntry[] | undefined {
  // A character per byte: positions are those of the bytes. Nothing of it may be kept, since it would keep all.
  const text = body.toString("latin1");
  const entries: KvEntry[] = [];
  const end = text.length - (text.endsWith("\n") ? 2 : 1);
  if (text[0] !== "[" || text[end] !== "]") return undefined;
  for (let at = 1; at < end; ) {
    if (text.charCodeAt(at) !== OPEN) return undefined;
    const item = { Key: "", CreateIndex: Number.NaN, ModifyIndex: Number.NaN, Session: "" };
    let valueFrom = 0;
    let valueTo = 0;
    do {
      if (text.charCodeAt(++at) !== QUOTE) return undefined;
      const name = at + 1;
      at = text.indexOf('":', name);
      if (at < 0) return undefined;
      const from = at + 2;
      if (text.charCodeAt(from) === QUOTE) {
        at = text.indexOf('"', from + 1);
        if (at < 0) return undefined;
        if (text.startsWith("Value", name)) {
          valueFrom = from + 1;
          valueTo = at;
        } else {
          const string = body.toString("utf8", from + 1, at);
          if (string.includes("\\")) return undefined;
          if (text.startsWith("Key", name)) item.Key = string;
          else if (text.startsWith("Session", name)) item.Session = string;
        }
        at++;
      } else {
        at = from;
        let number = 0;
        for (let code = text.charCodeAt(at); code >= 0x30 && code <= 0x39; code = text.charCodeAt(++at))
          number = 10 * number + (code - 0x30);
        if (at === from && !text.startsWith("null", at)) return undefined;
        if (at === from) at += 4;
        else if (text.startsWith("CreateIndex", name)) item.CreateIndex = number;
        else if (text.startsWith("ModifyIndex", name)) item.ModifyIndex = number;
      }
    } while (text.charCodeAt(at) === COMMA);
    if (text.charCodeAt(at) !== CLOSE || Number.isNaN(item.CreateIndex + item.ModifyIndex)) return undefined;
    const [first, last] = [valueFrom, valueTo];
    entries.push(kvEntry(item, () => decode(body.toString("latin1", first, last))));
    at++;
    if (at < end && text.charCodeAt(at++) !== COMMA) return undefined;
  }
  return entries;
}
