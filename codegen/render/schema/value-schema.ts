import type { FieldModel, Model, TypeModel } from "../../model/model.ts";

/** A JSON Schema, or part of one. Keys keep their order in the output. */
export type Schema = { readonly [keyword: string]: unknown };

/** How a message or enum is referred to. */
export type Refer = (typeName: string) => Schema;

const integers: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  sint32: [-(2 ** 31), 2 ** 31 - 1],
  sfixed32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  fixed32: [0, 2 ** 32 - 1],
};

const digits: Schema = { pattern: "^-?[0-9]+$", patternErrorMessage: "Expected a whole number." };

function scalarSchema(name: string): Schema {
  switch (name) {
    case "string":
      return { type: "string" };
    case "bool":
      return { type: "boolean" };
    case "bytes":
      return { type: "string", pattern: "^[A-Za-z0-9+/_=\\r\\n-]*$", patternErrorMessage: "Expected base64." };
    case "double":
    case "float":
      return {
        type: ["number", "string"],
        pattern: "^(-?[0-9.]+([eE][+-]?[0-9]+)?|NaN|-?Infinity)$",
        patternErrorMessage: "Expected a number.",
      };
    case "uint64":
    case "fixed64":
      return { type: ["integer", "string"], minimum: 0, ...digits };
  }
  const [minimum, maximum] = integers[name] ?? [];
  // Numbers in quotes are read, too: those of 64 bits need not be exact without.
  return { type: ["integer", "string"], ...(minimum === undefined ? {} : { minimum, maximum }), ...digits };
}

/** Messages whose JSON isn't an object of their fields. Source: https://protobuf.dev/programming-guides/json/ */
const wellKnown: Readonly<Record<string, Schema>> = {
  "google.protobuf.Duration": {
    type: "string",
    pattern: "^-?[0-9]{1,12}(\\.[0-9]{0,9})?s$",
    patternErrorMessage: "Expected a duration in seconds, such as 15s or 0.5s.",
  },
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.FieldMask": { type: "string" },
  "google.protobuf.Struct": { type: "object" },
  "google.protobuf.Value": {},
  "google.protobuf.ListValue": { type: "array" },
  "google.protobuf.Empty": { type: "object", additionalProperties: false },
  "google.protobuf.Any": { type: "object", properties: { "@type": { type: "string" } }, required: ["@type"] },
  "google.protobuf.DoubleValue": scalarSchema("double"),
  "google.protobuf.FloatValue": scalarSchema("float"),
  "google.protobuf.Int64Value": scalarSchema("int64"),
  "google.protobuf.UInt64Value": scalarSchema("uint64"),
  "google.protobuf.Int32Value": scalarSchema("int32"),
  "google.protobuf.UInt32Value": scalarSchema("uint32"),
  "google.protobuf.BoolValue": scalarSchema("bool"),
  "google.protobuf.StringValue": scalarSchema("string"),
  "google.protobuf.BytesValue": scalarSchema("bytes"),
};

/** Whether the type is described where it is used, not by a definition of its own. */
export const isInline = (type: TypeModel): boolean => type.kind === "scalar" || Object.hasOwn(wellKnown, type.name);

function typeSchema(type: TypeModel, refer: Refer): Schema {
  if (type.kind === "scalar") return scalarSchema(type.name);
  return wellKnown[type.name] ?? refer(type.name);
}

/** What may stand under a field's key, without its description. */
export function valueSchema(field: FieldModel, refer: Refer): Schema {
  const value = typeSchema(field.type, refer);
  const unwrapped = field.unwrap === undefined ? value : { anyOf: [value, wrapper(field.unwrap, value)] };
  if (field.cardinality === "repeated") return { type: "array", items: unwrapped };
  if (field.cardinality === "map") return { type: "object", additionalProperties: unwrapped };
  return unwrapped;
}

/** An older format's object around the value. */
const wrapper = (key: string, value: Schema): Schema => ({
  type: "object",
  properties: { [key]: value },
  additionalProperties: false,
});

/** The names of an enum's values, explained. */
export function enumSchema(model: Model, typeName: string): Schema {
  const found = model.enums.get(typeName);
  const values = found?.values ?? [];
  return {
    type: "string",
    ...(found?.comment ? { description: found.comment } : {}),
    enum: values.map(({ name }) => name),
    enumDescriptions: values.map(({ comment }) => comment),
  };
}
