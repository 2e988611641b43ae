import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { writeField, writeMessage } from "./binary.ts";
import { getField } from "./message.ts";
import type { Field, MessageType } from "./message-type.ts";
import { isWellKnown } from "./well-known.ts";

/**
 * Whether two messages have the same canonical bytes, optionally in some of their fields only. Parts that both share are not looked into,
 * so of two states of one resource it costs the difference.
 */
export function equalCanonical(
  type: MessageType,
  a: unknown,
  b: unknown,
  include?: (field: Field) => boolean,
): boolean {
  if (a === b) return true;
  if (isWellKnown(type)) return equalBytes((writer, value) => writeMessage(writer, type, value), a, b);
  for (const field of type.fields) {
    if (include !== undefined && !include(field)) continue;
    const [one, other] = [getField(field, a as object), getField(field, b as object)];
    if (one !== other && !equalField(field, one, other)) return false;
  }
  return true;
}

function equalField(field: Field, a: unknown, b: unknown): boolean {
  const { type, cardinality } = field;
  if (type.kind === "message" && cardinality !== "map" && a !== undefined && b !== undefined) {
    if (cardinality !== "repeated") return equalCanonical(type.message, a, b);
    const [one, other] = [a as readonly unknown[], b as readonly unknown[]];
    return one.length === other.length && one.every((item, index) => equalCanonical(type.message, item, other[index]));
  }
  return equalBytes((writer, value) => value !== undefined && writeField(writer, field, value), a, b);
}

function equalBytes(write: (writer: BinaryWriter, value: unknown) => void, a: unknown, b: unknown): boolean {
  const [one, other] = [a, b].map((value) => {
    const writer = new BinaryWriter();
    write(writer, value);
    return writer.finish();
  }) as [Uint8Array, Uint8Array];
  return Buffer.compare(one, other) === 0;
}
