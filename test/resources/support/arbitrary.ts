import * as fc from "fast-check";
import { createMessage, setField } from "../../../src/resources/index.ts";
import { isMapKeyed, setOwn } from "../../../src/resources/message.ts";
import type { Field, FieldValueType, MessageType, ScalarType } from "../../../src/resources/index.ts";
import { wrapperScalar } from "../../../src/resources/wrappers.ts";

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.constantFrom(
    "yes",
    "012",
    "1:30",
    "~",
    "null",
    "a: b",
    "# c",
    "line\nbreak",
    "- x",
    "'",
    '"',
    "__proto__",
    "\u0000",
    "\u2028",
    " x ",
  ),
);

function scalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case "string":
      return text;
    case "bool":
      return fc.boolean();
    case "bytes":
      return fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes));
    case "double":
      return fc.double().map((value) => (Object.is(value, -0) ? 0 : value));
    case "float":
      // What 32 bits hold exactly in few digits: how others are shortened is tested apart.
      return fc.oneof(
        fc.integer({ min: -8_000_000, max: 8_000_000 }).map((eighths) => (eighths === 0 ? 0 : eighths / 8)),
        fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
      );
    case "uint32":
    case "fixed32":
      return fc.integer({ min: 0, max: 0xffffffff });
    case "uint64":
    case "fixed64":
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case "int64":
    case "sint64":
    case "sfixed64":
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    default:
      return fc.integer();
  }
}

const plainJson: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
    text,
    fc.array(tie("value"), { maxLength: 2 }),
    fc.dictionary(
      text.filter((key) => key !== "__proto__"),
      tie("value"),
      { maxKeys: 2, noNullPrototype: true },
    ),
  ),
})).value;

function messageOf(type: MessageType, depth: number): fc.Arbitrary<unknown> {
  const wrapped = wrapperScalar(type.typeName);
  if (wrapped !== undefined) return scalar(wrapped);
  switch (type.typeName) {
    case "google.protobuf.Duration":
      return fc
        .tuple(fc.bigInt({ min: 0n, max: 315_575_999_999n }), fc.nat(999_999_999), fc.boolean())
        .map(([seconds, nanos, negative]) =>
          negative ? { seconds: -seconds, nanos: nanos === 0 ? 0 : -nanos } : { seconds, nanos },
        );
    case "google.protobuf.Timestamp":
      return fc.record({
        seconds: fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }),
        nanos: fc.nat(999_999_999),
      });
    case "google.protobuf.FieldMask":
      return fc.array(fc.constantFrom("a_b", "c.d_e", "f"), { maxLength: 2 });
    case "google.protobuf.Any":
      return fc.constant({
        typeUrl: "type.googleapis.com/google.protobuf.StringValue",
        value: Buffer.from([10, 1, 120]),
      });
    case "google.protobuf.Struct":
      return fc.dictionary(
        text.filter((key) => key !== "__proto__"),
        plainJson,
        { maxKeys: 3, noNullPrototype: true },
      );
    case "google.protobuf.ListValue":
      return fc.array(plainJson, { maxLength: 3 });
    case "google.protobuf.Value":
      return plainJson;
    case "google.protobuf.Empty":
      return fc.constant({});
    default:
  }
  return fc.nat(3).chain((count) => {
    const fields = type.fields.filter((field) => depth > 0 || field.type.kind !== "message");
    if (fields.length === 0) return fc.constant(createMessage(type));
    return fc
      .uniqueArray(fc.constantFrom(...fields), {
        minLength: 0,
        maxLength: count + 2,
        selector: (field) => field.oneof ?? field.name,
      })
      .chain((chosen) =>
        fc.tuple(...chosen.map((field) => fieldValue(field, depth - 1))).map((values) => [chosen, values] as const),
      )
      .map(([chosen, values]) => {
        const message = createMessage(type);
        for (const [index, field] of chosen.entries()) setField(field, message, values[index]);
        return message;
      });
  });
}

function valueOf(type: FieldValueType, depth: number): fc.Arbitrary<unknown> {
  if (type.kind === "scalar") return scalar(type.scalar);
  if (type.kind === "enum") return fc.constantFrom(...Object.values(type.enum.values));
  return messageOf(type.message, depth);
}

function fieldValue(field: Field, depth: number): fc.Arbitrary<unknown> {
  const value = valueOf(field.type, depth);
  if (field.cardinality === "repeated") return fc.array(value, { maxLength: 2 });
  if (field.cardinality !== "map") return value;
  const key = field.mapKey ?? "string";
  return fc.array(fc.tuple(scalar(key), value), { maxLength: 2 }).map((entries) => {
    if (isMapKeyed(key)) return new Map(entries as [bigint, unknown][]);
    const map: Record<string, unknown> = {};
    for (const [name, item] of entries) setOwn(map, String(name), item);
    return map;
  });
}

/** Random messages of a type: any fields, edges of every range, texts that are hard to write in YAML. */
export function arbitraryMessage<T>(type: MessageType<T>, depth = 3): fc.Arbitrary<T> {
  return messageOf(type, depth) as fc.Arbitrary<T>;
}
