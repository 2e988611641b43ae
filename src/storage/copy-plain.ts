import { EpoxyError } from "../errors/index.ts";

/**
 * A copy of plain data that shares nothing with it, bytes included, which stay Buffers where they are (structuredClone makes
 * bare arrays of them).
 * @throws `invalid` for what no message can hold, with the path to it
 */
export function copyPlain<T>(value: T, path = ""): T {
  return copy(value, path) as T;
}

function copy(value: unknown, path: string): unknown {
  if (typeof value === "function" || typeof value === "symbol") {
    throw new EpoxyError(
      "invalid",
      `${path === "" ? "the value" : path} is a ${typeof value}: a resource holds plain data only`,
    );
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item, index) => copy(item, `${path}[${index}]`));
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  if (value instanceof Uint8Array) return value.slice();
  if (value instanceof Map)
    return new Map([...value].map(([key, item]) => [key, copy(item, `${path}[${String(key)}]`)]));
  const object: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const copied = copy(item, path === "" ? key : `${path}.${key}`);
    // Assigning would set the prototype.
    if (key === "__proto__")
      Object.defineProperty(object, key, { value: copied, enumerable: true, writable: true, configurable: true });
    else object[key] = copied;
  }
  return object;
}
