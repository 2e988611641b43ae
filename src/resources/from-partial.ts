import { createMessage, isMapKeyed, type MapValue, setField, setOwn } from "./message.ts";
import type { Field, FieldValueType, MessageType, ScalarType } from "./message-type.ts";

/**
 * A whole message from some of its fields, as ts-proto's `fromPartial` makes it: what is absent or null gets its default,
 * 64-bit integers may be given as numbers or text. The result shares no list, map or message with `partial`.
 */
export function fromPartial(type: MessageType, partial: object): Record<string, unknown> {
  const given = partial as Readonly<Record<string, unknown>>;
  const message = createMessage(type);
  for (const field of type.fields) {
    if (field.oneof !== undefined) {
      const union = given[field.oneof] as { $case: string; value?: unknown } | null | undefined;
      if (union?.$case === field.localName && union.value !== undefined && union.value !== null) {
        setField(field, message, complete(field.type, union.value));
      }
      continue;
    }
    const value = given[field.localName];
    if (value !== undefined && value !== null) message[field.localName] = completeField(field, value);
  }
  return message;
}

function completeField(field: Field, value: unknown): unknown {
  if (field.cardinality === "repeated") return (value as readonly unknown[]).map((item) => complete(field.type, item));
  if (field.cardinality === "map") return completeMap(field, value as MapValue);
  return complete(field.type, value);
}

function completeMap(field: Field, map: MapValue): MapValue {
  const keyType = field.mapKey ?? "string";
  const entries = map instanceof Map ? [...map] : Object.entries(map);
  const filled = entries.filter(([, item]) => item !== undefined && item !== null);
  if (isMapKeyed(keyType)) {
    return new Map(filled.map(([key, item]) => [mapKey(keyType, key), complete(field.type, item)]));
  }
  const result: Record<string, unknown> = {};
  for (const [key, item] of filled) setOwn(result, String(key), complete(field.type, item));
  return result;
}

const mapKey = (keyType: ScalarType, key: unknown): bigint | boolean =>
  keyType === "bool" ? key === true || key === "true" : BigInt(key as string);

function complete(type: FieldValueType, value: unknown): unknown {
  if (type.kind === "scalar") return type.scalar.endsWith("64") ? BigInt(value as string) : value;
  if (type.kind === "enum") return value;
  return type.message.codec.fromPartial(value);
}
