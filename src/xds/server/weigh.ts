/** What an object, a list or a text takes beside its content. */
const OVERHEAD_BYTES = 64;

/** About how many bytes a value that came from a client takes: of small values many times as many as it had on the wire. */
export function weigh(value: unknown): number {
  if (typeof value === "string") return OVERHEAD_BYTES + value.length;
  if (typeof value !== "object" || value === null) return 8;
  let bytes = OVERHEAD_BYTES;
  for (const [key, item] of Object.entries(value)) {
    bytes += weigh(item) + (Array.isArray(value) ? 0 : OVERHEAD_BYTES + key.length);
  }
  return bytes;
}
