const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === "" ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === "object" && value !== null && Object.keys(value).length === 0 && !(value instanceof Uint8Array));

/**
 * Shallow merge of option messages, as Gloo does along a delegation chain and for options by reference: each top-level
 * field that `preferred` sets wins whole; the others come from `fallback`. A oneof counts as one field. An empty message
 * counts as not set.
 */
export function mergeOptions<T extends object>(preferred: T | undefined, fallback: T | undefined): T | undefined {
  if (fallback === undefined) return preferred;
  if (preferred === undefined) return fallback;
  const merged: { [field: string]: unknown } = { ...(fallback as object) };
  for (const [field, value] of Object.entries(preferred)) {
    if (!isEmpty(value)) merged[field] = value;
  }
  return merged as T;
}
