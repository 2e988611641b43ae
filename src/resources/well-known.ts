import { decodeBinary, encodeMessage } from "./binary.ts";
import { wrapperScalars } from "./wrappers.ts";
import type { Field, FieldValueType, MessageType, ScalarType } from "./message-type.ts";

const field = (number: number, name: string, scalar: ScalarType, more: Partial<Field> = {}): Field => ({
  number,
  name,
  jsonName: name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  localName: name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  oneof: undefined,
  cardinality: "singular",
  type: { kind: "scalar", scalar } satisfies FieldValueType,
  mapKey: undefined,
  deprecated: false,
  aliases: [],
  singleAliases: [],
  unwrap: undefined,
  restrictsAccess: false,
  sensitive: false,
  ...more,
});

function create(typeName: string, fields: readonly Field[]): MessageType {
  const type: MessageType = {
    typeName,
    fields,
    inlineKeys: [],
    codec: {
      encode: (message) => ({ finish: () => encodeMessage(type, message) }),
      decode: (input) => decodeBinary(type, input),
      fromPartial: (partial) => partial,
    },
  };
  return type;
}

const secondsAndNanos = [field(1, "seconds", "int64"), field(2, "nanos", "int32")];

const types: ReadonlyMap<string, MessageType> = new Map(
  [
    create("google.protobuf.Any", [field(1, "type_url", "string"), field(2, "value", "bytes")]),
    create("google.protobuf.Duration", secondsAndNanos),
    create("google.protobuf.Timestamp", secondsAndNanos),
    create("google.protobuf.Empty", []),
    create("google.protobuf.FieldMask", [field(1, "paths", "string", { cardinality: "repeated" })]),
    // Their values are plain JSON, which no table describes: whoever walks messages treats them as leaves.
    create("google.protobuf.Struct", []),
    create("google.protobuf.Value", []),
    create("google.protobuf.ListValue", []),
    ...Object.entries(wrapperScalars).map(([typeName, scalar]) => create(typeName, [field(1, "value", scalar)])),
  ].map((type) => [type.typeName, type]),
);

/**
 * The message type of a well-known type such as `google.protobuf.Duration`, in ts-proto's representation (see
 * {@link MessageType}); undefined for other names. Generated tables take theirs from here.
 */
export function wellKnownType(typeName: string): MessageType | undefined {
  return types.get(typeName);
}

/** Whether the message has a JSON form of its own and is a leaf for whoever walks fields. */
export function isWellKnown(type: MessageType): boolean {
  return types.has(type.typeName);
}
