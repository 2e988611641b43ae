import { resourceFromParts, type XdsPart, type XdsResource } from "../cache/resource.ts";

/**
 * The resource without the parts of these digests: each is replaced by the part of `base` with the same origin, if there is one, else left
 * out. The first part is the frame, which all others stand in, so without it the result is `base`. `excluded` may also hold the
 * resource's version, for one that is at fault as a whole. Undefined: there is nothing to give.
 */
export function composeWithout(
  resource: XdsResource,
  base: XdsResource | undefined,
  excluded: ReadonlySet<string>,
): XdsResource | undefined {
  const [frame, ...rest] = resource.parts;
  if (frame === undefined || excluded.has(frame.digest) || excluded.has(resource.version)) return base;
  if (!rest.some(({ digest }) => excluded.has(digest))) return resource;
  const previous = new Map(base === undefined ? [] : keyed(base.parts.slice(1)));
  const present = new Set(rest.map(({ digest }) => digest));
  const parts = keyed(rest).flatMap(([key, part]) => {
    if (!excluded.has(part.digest)) return part;
    const replacement = previous.get(key);
    // Twice the same part would be another fault.
    return replacement === undefined || present.has(replacement.digest) ? [] : replacement;
  });
  return resourceFromParts(resource.typeUrl, resource.name, [frame, ...parts], resource);
}

/** Parts by their origin and, where several have the same one, their place among those. */
function keyed(parts: readonly XdsPart[]): (readonly [string, XdsPart])[] {
  const counts = new Map<string, number>();
  return parts.map((part) => {
    const origin = part.origin ?? "";
    const count = counts.get(origin) ?? 0;
    counts.set(origin, count + 1);
    return [`${count} ${origin}`, part] as const;
  });
}

/** What a refusal may speak of. */
export interface Candidate {
  readonly id: string;
  readonly name?: string | undefined;
  readonly parts: readonly XdsPart[];
}

/** Shorter words occur everywhere. */
const MIN_WORD = 3;
/** A text comes from the client: so much of it is read, and so many of its words, the longest ones, are looked for. */
const MAX_TEXT = 4096;
const MAX_WORDS = 16;

/**
 * The candidates that a refusal's text seems to blame: by their name or, if none is named, by the word or quotation that the bytes of the
 * fewest contain. A guess, good for what to try first and nothing else.
 */
export function blamedBy(message: string, candidates: readonly Candidate[]): string[] {
  const text = message.slice(0, MAX_TEXT);
  const words = new Set(text.split(/[\s'",;()[\]]+/).map((word) => word.replace(/[:.]+$/, "")));
  const named = candidates.filter(({ name }) => name !== undefined && name !== "" && words.has(name));
  if (named.length > 0 || candidates.length < 2) return named.map(({ id }) => id);
  const quotations = [...text.matchAll(/'([^']+)'|"([^"]+)"/g)].map(([, single, double]) => single ?? double ?? "");
  const sought = [...new Set([...quotations, ...text.split(/\s+/)])]
    .filter(({ length }) => length >= MIN_WORD)
    .toSorted((a, b) => b.length - a.length)
    .slice(0, MAX_WORDS);
  let blamed: Candidate[] = [];
  for (const word of sought) {
    const bytes = Buffer.from(word);
    const found = candidates.filter(({ parts }) => parts.some((part) => contains(part.bytes, bytes)));
    if (found.length > 0 && found.length < (blamed.length || candidates.length)) blamed = found;
  }
  return blamed.map(({ id }) => id);
}

function contains(bytes: Uint8Array, sought: Buffer): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(sought);
}
