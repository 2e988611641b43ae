import type { EnumModel, FieldModel, MessageModel, Model } from "../../model/model.ts";
import type { Schema } from "../schema/value-schema.ts";

/** How deep fields are explained: every use of a message would repeat the texts. `generated/docs` has them all. */
const explainedDepth = 5;

/** Any JSON object: what Kubernetes would drop otherwise is kept, and nothing in it is checked. */
const anyObject: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

const wholeNumber = (pattern: string): Schema => ({ "x-kubernetes-int-or-string": true, pattern });

const scalars: Readonly<Record<string, Schema>> = {
  string: { type: "string" },
  bool: { type: "boolean" },
  bytes: { type: "string", format: "byte" },
  double: { type: "number", format: "double" },
  float: { type: "number", format: "float" },
  int32: { type: "integer", format: "int32" },
  sint32: { type: "integer", format: "int32" },
  sfixed32: { type: "integer", format: "int32" },
  uint32: { type: "integer", minimum: 0, maximum: 2 ** 32 - 1 },
  fixed32: { type: "integer", minimum: 0, maximum: 2 ** 32 - 1 },
  // ProtoJSON writes those of 64 bits as text, since JSON's readers lose digits.
  int64: wholeNumber("^-?[0-9]+$"),
  sint64: wholeNumber("^-?[0-9]+$"),
  sfixed64: wholeNumber("^-?[0-9]+$"),
  uint64: wholeNumber("^[0-9]+$"),
  fixed64: wholeNumber("^[0-9]+$"),
};

/** Messages whose JSON isn't an object of their fields. Source: https://protobuf.dev/programming-guides/json/ */
const wellKnown: Readonly<Record<string, Schema>> = {
  "google.protobuf.Duration": { type: "string", pattern: "^-?[0-9]{1,12}(\\.[0-9]{0,9})?s$" },
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.FieldMask": { type: "string" },
  "google.protobuf.Struct": anyObject,
  "google.protobuf.Any": anyObject,
  "google.protobuf.Value": { "x-kubernetes-preserve-unknown-fields": true },
  "google.protobuf.ListValue": { type: "array", items: { "x-kubernetes-preserve-unknown-fields": true } },
  "google.protobuf.Empty": { type: "object" },
  ...Object.fromEntries(
    ["Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"].map((name) => [
      `google.protobuf.${name}Value`,
      scalars[name.toLowerCase()] ?? {},
    ]),
  ),
};

/**
 * Makes structural schemas (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/): without
 * references, so each use of a message is written out. A message within itself is any object, and so is one below `maxDepth` others.
 */
export function structuralSchemas(model: Model, maxDepth: number) {
  function messageSchema(name: string, around: readonly string[]): Schema {
    const message = model.messages.get(name);
    if (message === undefined || around.includes(name) || around.length >= maxDepth) return anyObject;
    return objectSchema(message, message.fields, around);
  }

  /** An object of some of a message's fields. */
  function objectSchema(message: MessageModel, fields: readonly FieldModel[], around: readonly string[] = []): Schema {
    const within = [...around, message.typeName];
    const properties = Object.fromEntries(fields.map((field) => [field.jsonName, fieldSchema(field, within)]));
    return {
      type: "object",
      ...(fields.length === 0 ? {} : { properties }),
      ...oneofRules(fields),
    };
  }

  function fieldSchema(field: FieldModel, around: readonly string[]): Schema {
    const isExplained = field.comment !== "" && around.length <= explainedDepth;
    return { ...(isExplained ? { description: field.comment } : {}), ...containerSchema(field, around) };
  }

  function containerSchema(field: FieldModel, around: readonly string[]): Schema {
    const value = valueSchema(field, around);
    if (field.cardinality === "repeated") return { type: "array", items: value };
    if (field.cardinality === "map") return { type: "object", additionalProperties: value };
    return value;
  }

  function valueSchema({ type }: FieldModel, around: readonly string[]): Schema {
    if (type.kind === "scalar") return scalars[type.name] ?? {};
    if (type.kind === "enum") return enumSchema(model.enums.get(type.name));
    return wellKnown[type.name] ?? messageSchema(type.name, around);
  }

  return { objectSchema, messageSchema: (name: string) => messageSchema(name, []) };
}

export type StructuralSchemas = ReturnType<typeof structuralSchemas>;

const enumSchema = (found: EnumModel | undefined): Schema => ({
  type: "string",
  enum: (found?.values ?? []).map(({ name }) => name),
});

/** At most one field of each oneof: a schema for each, and one for none. */
function oneofRules(fields: readonly FieldModel[]): Schema {
  const oneofs = new Map<string, string[]>();
  for (const { oneof, jsonName } of fields) {
    if (oneof !== undefined) oneofs.set(oneof.name, [...(oneofs.get(oneof.name) ?? []), jsonName]);
  }
  const rules = [...oneofs.values()]
    .filter((names) => names.length > 1)
    .map((names) => {
      const given = names.map((name) => ({ required: [name] }));
      return { oneOf: [...given, { not: { anyOf: given } }] };
    });
  if (rules.length < 2) return rules[0] ?? {};
  return { allOf: rules };
}
