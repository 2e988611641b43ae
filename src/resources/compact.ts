const NO_ITEMS: readonly never[] = Object.freeze([]);
const NO_FIELDS: Readonly<Record<string, never>> = Object.freeze({});

/**
 * A plain value in the least memory, for keeping ten thousand of them: what equals the same part of `before` is that part (so that a
 * resource whose status was written is not there twice), empty lists and objects are one each, and text is no piece of a longer text
 * that it would keep alive. Takes `value` over, which nobody else may hold, and changes it in place; the parts that are shared may be frozen.
 *
 * @param before an earlier state of the same thing
 */
export function compactPlain<T>(value: T, before: unknown): T {
  return compact(value, before) as T;
}

function compact(value: unknown, before: unknown): unknown {
  if (typeof value === "string") return value === before ? before : ownText(value);
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) return compactList(value, Array.isArray(before) ? before : NO_ITEMS);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype) return value;
  return compactObject(value as Record<string, unknown>, before);
}

function compactList(list: unknown[], before: readonly unknown[]): readonly unknown[] {
  if (list.length === 0) return NO_ITEMS;
  let same = list.length === before.length;
  for (let index = 0; index < list.length; index++) {
    list[index] = compact(list[index], before[index]);
    if (list[index] !== before[index]) same = false;
  }
  // A copy has no room to grow.
  return same ? before : list.slice();
}

function compactObject(object: Record<string, unknown>, given: unknown): Readonly<Record<string, unknown>> {
  const before = (typeof given === "object" && given !== null ? given : NO_FIELDS) as Readonly<Record<string, unknown>>;
  let same = Object.getPrototypeOf(before) === Object.prototype;
  let count = 0;
  for (const key in object) {
    count++;
    const value = object[key];
    const now = compact(value, before[key]);
    if (now !== value) object[key] = now;
    if (same && now !== before[key] && !Object.is(now, before[key])) same = false;
    else if (same && now === undefined && !(key in before)) same = false;
  }
  if (count === 0) return NO_FIELDS;
  if (!same) return object;
  for (const _ in before) count--;
  return count === 0 ? before : object;
}

/** Shorter text is always a copy. */
const SHORTEST_PIECE = 13;
const buffer = Buffer.allocUnsafe(1_024);

/** The text as a string of its own: V8 makes a piece of a text, or the sum of two, a reference to the whole or the halves. */
function ownText(text: string): string {
  if (text.length < SHORTEST_PIECE) return text;
  if (text.length * 3 > buffer.length) return Buffer.from(text).toString();
  return buffer.toString("utf8", 0, buffer.write(text));
}
