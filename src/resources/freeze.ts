/**
 * Freezes a plain value and all within it, and returns it. What is frozen already is taken to be so in depth. Bytes can't
 * be frozen (JavaScript has no frozen buffers): they are left.
 */
export function deepFreeze<T>(value: T): T {
  freeze(value);
  return value;
}

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return;
  Object.freeze(value);
  if (value instanceof Map) {
    for (const item of value.values()) freeze(item);
    return;
  }
  for (const key in value) freeze((value as Record<string, unknown>)[key]);
}
