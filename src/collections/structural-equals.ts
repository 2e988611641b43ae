/**
 * Whether two values are equal as data: primitives (NaN equals NaN), arrays, plain objects, byte arrays, maps and sets
 * of such. A property that is `undefined` equals an absent one. Anything else, such as an instance of a class, is equal only to itself.
 * Shared parts are compared by identity first, so that comparing a value with its modified copy costs the difference.
 */
export function structuralEquals(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const prototype: unknown = Object.getPrototypeOf(a);
  if (prototype !== Object.getPrototypeOf(b)) return false;
  if (prototype === Array.prototype) return arraysEqual(a as unknown[], b as unknown[]);
  if (prototype === Object.prototype || prototype === null) return objectsEqual(a as Fields, b as Fields);
  if (a instanceof Uint8Array) return bytesEqual(a, b as Uint8Array);
  if (prototype === Map.prototype) return mapsEqual(a as Map<unknown, unknown>, b as Map<unknown, unknown>);
  if (prototype === Set.prototype)
    return (a as Set<unknown>).size === (b as Set<unknown>).size && setsEqual(a as Set<unknown>, b as Set<unknown>);
  return false;
}

type Fields = Readonly<Record<string, unknown>>;

function arraysEqual(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  // Long lists mostly differ in few items.
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i] && !structuralEquals(a[i], b[i])) return false;
  return true;
}

function objectsEqual(a: Fields, b: Fields): boolean {
  // Counted, since an absent `toString` isn't undefined.
  let onlyInB = 0;
  for (const key in b) if (b[key] !== undefined) onlyInB++;
  for (const key in a) {
    if (!structuralEquals(a[key], b[key])) return false;
    if (a[key] !== undefined) onlyInB--;
  }
  return onlyInB === 0;
}

function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function mapsEqual(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (!b.has(key) || !structuralEquals(value, b.get(key))) return false;
  return true;
}

function setsEqual(a: ReadonlySet<unknown>, b: ReadonlySet<unknown>): boolean {
  for (const member of a) if (!b.has(member)) return false;
  return true;
}
