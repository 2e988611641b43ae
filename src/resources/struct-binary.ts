import { type BinaryReader, type BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { setOwn } from "./message.ts";

/** Writes a google.protobuf.Struct, held as a plain object. Source of the field numbers: google/protobuf/struct.proto */
export function encodeStruct(writer: BinaryWriter, struct: unknown): void {
  const fields = struct as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(fields).sort()) {
    if (fields[key] === undefined) continue;
    writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(key);
    writer.tag(2, WireType.LengthDelimited).fork();
    encodeValue(writer, fields[key]);
    writer.join().join();
  }
}

/** Writes a google.protobuf.Value, held as plain JSON. */
export function encodeValue(writer: BinaryWriter, value: unknown): void {
  if (value === null) {
    writer.tag(1, WireType.Varint).int32(0);
  } else if (typeof value === "number") {
    writer.tag(2, WireType.Bit64).double(value);
  } else if (typeof value === "string") {
    writer.tag(3, WireType.LengthDelimited).string(value);
  } else if (typeof value === "boolean") {
    writer.tag(4, WireType.Varint).bool(value);
  } else if (Array.isArray(value)) {
    writer.tag(6, WireType.LengthDelimited).fork();
    encodeList(writer, value);
    writer.join();
  } else if (typeof value === "object") {
    writer.tag(5, WireType.LengthDelimited).fork();
    encodeStruct(writer, value);
    writer.join();
  }
}

/** Writes a google.protobuf.ListValue, held as an array. */
export function encodeList(writer: BinaryWriter, list: unknown): void {
  for (const item of list as readonly unknown[]) {
    writer.tag(1, WireType.LengthDelimited).fork();
    encodeValue(writer, item);
    writer.join();
  }
}

/** Reads a google.protobuf.Struct up to `end`. */
export function decodeStruct(reader: BinaryReader, end: number, depth: number): Record<string, unknown> {
  const struct: Record<string, unknown> = {};
  while (reader.pos < end) {
    reader.tag();
    const entryEnd = reader.uint32() + reader.pos;
    let key = "";
    let value: unknown = null;
    while (reader.pos < entryEnd) {
      const [number] = reader.tag();
      if (number === 1) {
        key = reader.string();
      } else {
        const length = reader.uint32();
        value = decodeValue(reader, reader.pos + length, depth + 1);
      }
    }
    setOwn(struct, key, value);
  }
  return struct;
}

/** Reads a google.protobuf.Value up to `end`. */
export function decodeValue(reader: BinaryReader, end: number, depth: number): unknown {
  if (depth > 200) throw new RangeError("nested too deeply");
  let value: unknown = null;
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (number === 2) {
      value = reader.double();
    } else if (number === 3) {
      value = reader.string();
    } else if (number === 4) {
      value = reader.bool();
    } else if (number === 5 || number === 6) {
      const innerEnd = reader.uint32() + reader.pos;
      value = number === 5 ? decodeStruct(reader, innerEnd, depth + 1) : decodeList(reader, innerEnd, depth + 1);
    } else {
      reader.skip(wireType);
      value = null;
    }
  }
  return value;
}

/** Reads a google.protobuf.ListValue up to `end`. */
export function decodeList(reader: BinaryReader, end: number, depth: number): unknown[] {
  const list: unknown[] = [];
  while (reader.pos < end) {
    reader.tag();
    const length = reader.uint32();
    list.push(decodeValue(reader, reader.pos + length, depth + 1));
  }
  return list;
}
