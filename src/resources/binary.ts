import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  createMessage,
  getField,
  isMapKeyed,
  type MapValue,
  scalarDefault,
  setField,
  setOwn,
  sortedEntries,
} from "./message.ts";
import type { Field, FieldValueType, MessageType, ScalarType } from "./message-type.ts";
import { decodeList, decodeStruct, decodeValue, encodeList, encodeStruct, encodeValue } from "./struct-binary.ts";
import { wrapperScalar } from "./wrappers.ts";

/**
 * The message in protobuf's binary form, deterministically: fields by number, map entries by key. Equal messages have
 * equal bytes whatever the order in which their maps were filled, so the bytes can be compared and hashed.
 */
export function encodeCanonical<T>(type: MessageType<T>, message: T): Uint8Array {
  return encodeMessage(type, message);
}

/** {@link encodeCanonical} without its types. */
export function encodeMessage(type: MessageType, message: unknown): Uint8Array {
  const writer = new BinaryWriter();
  writeMessage(writer, type, message);
  return writer.finish();
}

/** Writes the fields of a message, optionally only some of them. */
export function writeMessage(
  writer: BinaryWriter,
  type: MessageType,
  message: unknown,
  include?: (field: Field) => boolean,
): void {
  switch (type.typeName) {
    case "google.protobuf.Struct":
      encodeStruct(writer, message);
      return;
    case "google.protobuf.Value":
      encodeValue(writer, message);
      return;
    case "google.protobuf.ListValue":
      encodeList(writer, message);
      return;
    case "google.protobuf.FieldMask":
      for (const path of message as readonly string[]) writer.tag(1, WireType.LengthDelimited).string(path);
      return;
    default:
  }
  const wrapped = wrapperScalar(type.typeName);
  if (wrapped !== undefined) {
    const field = type.fields[0];
    if (field !== undefined && getField(field, { value: message }) !== undefined)
      writeScalar(writer, 1, wrapped, message);
    return;
  }
  for (const field of type.fields) {
    if (include !== undefined && !include(field)) continue;
    const value = getField(field, message as object);
    if (value !== undefined) writeField(writer, field, value);
  }
}

/** Writes a field that is set. */
export function writeField(writer: BinaryWriter, field: Field, value: unknown): void {
  if (field.cardinality === "repeated") {
    writeList(writer, field, value as readonly unknown[]);
  } else if (field.cardinality === "map") {
    const keyType = field.mapKey ?? "string";
    for (const [key, item] of sortedEntries(value as MapValue, keyType)) {
      if (item === undefined) continue;
      writer.tag(field.number, WireType.LengthDelimited).fork();
      writeScalar(writer, 1, keyType, isMapKeyed(keyType) || keyType === "string" ? key : Number(key));
      writeValue(writer, 2, field.type, item);
      writer.join();
    }
  } else {
    writeValue(writer, field.number, field.type, value);
  }
}

function writeList(writer: BinaryWriter, field: Field, items: readonly unknown[]): void {
  const scalar = field.type.kind === "enum" ? "int32" : field.type.kind === "scalar" ? field.type.scalar : undefined;
  if (scalar === undefined || scalar === "string" || scalar === "bytes") {
    for (const item of items) writeValue(writer, field.number, field.type, item);
    return;
  }
  writer.tag(field.number, WireType.LengthDelimited).fork();
  for (const item of items) writeBareScalar(writer, scalar, item);
  writer.join();
}

function writeValue(writer: BinaryWriter, number: number, type: FieldValueType, value: unknown): void {
  if (type.kind === "message") {
    writer.tag(number, WireType.LengthDelimited).fork();
    writeMessage(writer, type.message, value);
    writer.join();
  } else {
    writeScalar(writer, number, type.kind === "enum" ? "int32" : type.scalar, value);
  }
}

function writeScalar(writer: BinaryWriter, number: number, scalar: ScalarType, value: unknown): void {
  writer.tag(number, wireTypeOf(scalar));
  writeBareScalar(writer, scalar, value);
}

function writeBareScalar(writer: BinaryWriter, scalar: ScalarType, value: unknown): void {
  // The table says what the value is: every scalar's writer method is named after it.
  (writer[scalar] as (value: unknown) => BinaryWriter)(value);
}

function wireTypeOf(scalar: ScalarType): WireType {
  switch (scalar) {
    case "string":
    case "bytes":
      return WireType.LengthDelimited;
    case "double":
    case "fixed64":
    case "sfixed64":
      return WireType.Bit64;
    case "float":
    case "fixed32":
    case "sfixed32":
      return WireType.Bit32;
    default:
      return WireType.Varint;
  }
}

/** The inverse of {@link encodeCanonical}; unknown fields are dropped. @throws if the bytes are no such message */
export function decodeBinary(type: MessageType, input: Uint8Array): unknown {
  return readMessage(new BinaryReader(input), type, input.length, 0);
}

function readMessage(reader: BinaryReader, type: MessageType, end: number, depth: number): unknown {
  if (depth > 100) throw new RangeError("nested too deeply");
  switch (type.typeName) {
    case "google.protobuf.Struct":
      return decodeStruct(reader, end, depth);
    case "google.protobuf.Value":
      return decodeValue(reader, end, depth);
    case "google.protobuf.ListValue":
      return decodeList(reader, end, depth);
    default:
  }
  const message = createMessage(type);
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    const field = type.fields.find((candidate) => candidate.number === number);
    if (field === undefined) reader.skip(wireType);
    else readField(reader, field, message, wireType, depth);
  }
  if (type.typeName === "google.protobuf.FieldMask") return message.paths;
  return wrapperScalar(type.typeName) === undefined ? message : message.value;
}

function readField(
  reader: BinaryReader,
  field: Field,
  message: Record<string, unknown>,
  wireType: WireType,
  depth: number,
): void {
  if (field.cardinality === "map") {
    readEntry(reader, field, message[field.localName], depth);
    return;
  }
  if (field.cardinality !== "repeated") {
    setField(field, message, readValue(reader, field.type, depth));
    return;
  }
  const list = message[field.localName] as unknown[];
  const packable =
    field.type.kind === "enum" ||
    (field.type.kind === "scalar" && wireTypeOf(field.type.scalar) !== WireType.LengthDelimited);
  if (packable && wireType === WireType.LengthDelimited) {
    const end = reader.uint32() + reader.pos;
    while (reader.pos < end) list.push(readValue(reader, field.type, depth));
  } else {
    list.push(readValue(reader, field.type, depth));
  }
}

function readEntry(reader: BinaryReader, field: Field, map: unknown, depth: number): void {
  const keyType = field.mapKey ?? "string";
  let key: unknown = scalarDefault(keyType);
  let value: unknown = field.type.kind === "enum" ? 0 : undefined;
  if (field.type.kind === "scalar") value = scalarDefault(field.type.scalar);
  if (field.type.kind === "message") value = readMessage(reader, field.type.message, reader.pos, depth + 1);
  const end = reader.uint32() + reader.pos;
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (number === 1) key = readScalar(reader, keyType);
    else if (number === 2) value = readValue(reader, field.type, depth);
    else reader.skip(wireType);
  }
  if (map instanceof Map) map.set(key, value);
  else setOwn(map as Record<string, unknown>, String(key), value);
}

function readValue(reader: BinaryReader, type: FieldValueType, depth: number): unknown {
  if (type.kind === "enum") return reader.int32();
  if (type.kind === "scalar") return readScalar(reader, type.scalar);
  const length = reader.uint32();
  return readMessage(reader, type.message, reader.pos + length, depth + 1);
}

function readScalar(reader: BinaryReader, scalar: ScalarType): unknown {
  const value = reader[scalar]();
  if (scalar === "bytes") return Buffer.from(value as Uint8Array);
  return isMapKeyed(scalar) && scalar !== "bool" ? BigInt(value as bigint | string) : value;
}
