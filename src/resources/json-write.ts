import { EpoxyError } from "../errors/index.ts";
import type { JsonValue, TypeRegistry } from "./json-context.ts";
import { type DurationValue, formatDuration, formatTimestamp, type TimestampValue } from "./json-duration.ts";
import { camelCase } from "./json-lookup.ts";
import { getField, type MapValue, setOwn, sortedEntries } from "./message.ts";
import type { Field, FieldValueType, MessageType, ScalarType } from "./message-type.ts";
import { wellKnownType } from "./well-known.ts";
import { wrapperScalar } from "./wrappers.ts";

/** How JSON is written. */
export interface ToJsonOptions {
  /** Messages that an Any may hold, besides the well-known types. */
  readonly types?: TypeRegistry | undefined;
}

/**
 * Writes canonical ProtoJSON: lowerCamel names in order of field number, defaults omitted, map keys sorted, durations as
 * `15s`, enums by name, 64-bit integers as text, bytes as base64. Source: https://protobuf.dev/programming-guides/json/
 * @throws `invalid` for an Any whose type is not known
 */
export function toJson<T>(type: MessageType<T>, message: T, options: ToJsonOptions = {}): JsonValue {
  return writeMessage(type, message, options);
}

function writeMessage(type: MessageType, message: unknown, options: ToJsonOptions): JsonValue {
  if (type.typeName.startsWith("google.protobuf.") && wellKnownType(type.typeName) !== undefined) {
    return writeWellKnown(type, message, options);
  }
  const json: Record<string, JsonValue> = {};
  for (const field of type.fields) {
    const value = getField(field, message as object);
    if (value !== undefined) json[field.jsonName] = fieldToJson(field, value, options);
  }
  return json;
}

/** The JSON of a field's value. */
export function fieldToJson(field: Field, value: unknown, options: ToJsonOptions = {}): JsonValue {
  if (field.cardinality === "repeated") {
    return (value as readonly unknown[]).map((item) => writeValue(field.type, item, options));
  }
  if (field.cardinality === "map") {
    const json: Record<string, JsonValue> = {};
    for (const [key, item] of sortedEntries(value as MapValue, field.mapKey ?? "string")) {
      if (item !== undefined) setOwn(json, String(key), writeValue(field.type, item, options));
    }
    return json;
  }
  return writeValue(field.type, value, options);
}

function writeValue(type: FieldValueType, value: unknown, options: ToJsonOptions): JsonValue {
  if (type.kind === "scalar") return writeScalar(type.scalar, value);
  if (type.kind === "message") return writeMessage(type.message, value, options);
  if (type.enum.typeName === "google.protobuf.NullValue") return null;
  for (const name of Object.keys(type.enum.values)) if (type.enum.values[name] === value) return name;
  return value as number;
}

function writeScalar(scalar: ScalarType, value: unknown): JsonValue {
  if (typeof value === "bigint") return String(value);
  if (scalar === "bytes") return Buffer.from(value as Uint8Array).toString("base64");
  if (typeof value !== "number") return value as JsonValue;
  if (!Number.isFinite(value)) return String(value);
  return scalar === "float" ? shortestFloat(value) : value;
}

/** The shortest number that is the same as a 32-bit float: 0.1 rather than 0.10000000149011612. */
function shortestFloat(value: number): number {
  if (Math.fround(value) !== value || Number(value.toPrecision(9)) === value) return value;
  for (let digits = 6; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return Number(value.toPrecision(9));
}

function writeWellKnown(type: MessageType, message: unknown, options: ToJsonOptions): JsonValue {
  const scalar = wrapperScalar(type.typeName);
  if (scalar !== undefined) return writeScalar(scalar, message);
  switch (type.typeName) {
    case "google.protobuf.Duration":
      return formatDuration(message as DurationValue);
    case "google.protobuf.Timestamp":
      return formatTimestamp(message as TimestampValue);
    case "google.protobuf.FieldMask":
      return (message as readonly string[]).map(camelCase).join(",");
    case "google.protobuf.Any":
      return writeAny(message as { typeUrl: string; value: Uint8Array }, options);
    case "google.protobuf.Empty":
      return {};
    default:
      return message as JsonValue;
  }
}

function writeAny({ typeUrl, value }: { typeUrl: string; value: Uint8Array }, options: ToJsonOptions): JsonValue {
  if (typeUrl === "") return {};
  const typeName = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
  const wellKnown = wellKnownType(typeName);
  const type = wellKnown ?? options.types?.(typeName);
  if (type === undefined) {
    throw new EpoxyError("invalid", `an Any holds ${typeName}, which is not known here: it can't be written as JSON`);
  }
  const json = writeMessage(type, type.codec.decode(value), options);
  if (wellKnown !== undefined) return { "@type": typeUrl, value: json };
  return { "@type": typeUrl, ...(json as Readonly<Record<string, JsonValue>>) };
}
