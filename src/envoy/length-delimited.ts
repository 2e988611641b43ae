/**
 * An encoded message as a field of another: tag, length, bytes. Since protobuf lets the fields of a message stand one after the other, in
 * any order, messages can be put together from such parts without being encoded again.
 */
export function lengthDelimited(fieldNumber: number, message: Uint8Array): Uint8Array {
  const prefix: number[] = [];
  for (let value of [(fieldNumber << 3) | 2, message.length]) {
    for (; value > 127; value >>>= 7) prefix.push((value & 127) | 128);
    prefix.push(value);
  }
  const field = new Uint8Array(prefix.length + message.length);
  field.set(prefix);
  field.set(message, prefix.length);
  return field;
}

/** Parts of a message, one after the other. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
