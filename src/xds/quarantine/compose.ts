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
  return resourceFromParts(resource.typeUrl, resource.name, [frame, ...parts], { resendWith: resource.resendWith });
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

/** Shorter quotations occur everywhere. */
const MIN_QUOTATION = 3;
/** A text is read up to here; it comes from the client. */
const MAX_TEXT = 4096;

/**
 * The candidates that a refusal's text seems to blame: by their name or, if none is named, by a quotation that their bytes contain. A guess,
 * good for what to try first and nothing else.
 */
export function blamedBy(message: string, candidates: readonly Candidate[]): string[] {
  const text = message.slice(0, MAX_TEXT);
  const words = new Set(text.split(/[\s'",;()[\]]+/).map((word) => word.replace(/[:.]+$/, "")));
  const named = candidates.filter(({ name }) => name !== undefined && name !== "" && words.has(name));
  if (named.length > 0) return named.map(({ id }) => id);
  const quotations = [...text.matchAll(/'([^']+)'|"([^"]+)"|`([^`]+)`/g)]
    .map(([, single, double, back]) => single ?? double ?? back ?? "")
    .filter(({ length }) => length >= MIN_QUOTATION);
  for (const quotation of quotations.toSorted((a, b) => b.length - a.length).slice(0, 8)) {
    const sought = Buffer.from(quotation);
    const found = candidates.filter(({ parts }) => parts.some(({ bytes }) => contains(bytes, sought)));
    if (found.length > 0 && found.length < candidates.length) return found.map(({ id }) => id);
  }
  return [];
}

function contains(bytes: Uint8Array, sought: Buffer): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(sought);
}
