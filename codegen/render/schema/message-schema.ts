import type { FieldModel, MessageModel } from "../../model/model.ts";
import { type Refer, type Schema, valueSchema } from "./value-schema.ts";

/** Read, but not what editors should offer: yaml-language-server leaves it out of completions. */
const unsuggested = { doNotSuggest: true } as const;

/**
 * The keys of a message, by name: for each field its JSON name, explained; then the other names under which it is read,
 * which editors accept and don't offer.
 *
 * @param definition what refers to the message itself
 */
export function propertiesOf(message: MessageModel, definition: string, refer: Refer): Record<string, Schema> {
  const properties: Record<string, Schema> = {};
  const add = (key: string, schema: Schema): void => {
    if (!Object.hasOwn(properties, key)) properties[key] = schema;
  };
  for (const field of message.fields) add(field.jsonName, describe(field, message, valueSchema(field, refer)));
  for (const field of message.fields) {
    const same: Schema = { allOf: [{ $ref: `${definition}/properties/${field.jsonName}` }], ...unsuggested };
    add(field.name, same);
    for (const key of field.aliases.flatMap(spellings)) add(key, same);
    const single: Schema = { anyOf: [same, valueSchema({ ...field, cardinality: "singular" }, refer)], ...unsuggested };
    for (const key of field.singleAliases.flatMap(spellings)) add(key, single);
  }
  for (const key of message.inlineKeys.flatMap(spellings)) add(key, { allOf: [{ $ref: definition }], ...unsuggested });
  return properties;
}

/** Adds what people should know. Beside `$ref` draft 7 ignores everything, hence `allOf`. */
function describe(field: FieldModel, message: MessageModel, schema: Schema): Schema {
  const others = message.fields.filter((other) => other !== field && other.oneof?.name === field.oneof?.name);
  const excludes = field.oneof === undefined || others.length === 0 ? "" : `Excludes ${names(others)}.`;
  const description = [field.comment, excludes].filter((text) => text !== "").join("\n\n");
  return {
    ...(description === "" ? {} : { description }),
    ...(field.deprecated ? { deprecated: true, deprecationMessage: `Deprecated. ${field.comment}`.trimEnd() } : {}),
    ...("$ref" in schema ? { allOf: [schema] } : schema),
  };
}

const names = (fields: readonly FieldModel[]): string => fields.map(({ jsonName }) => jsonName).join(", ");

/** All ways in which the reader takes an older name. */
const spellings = (name: string): readonly string[] => [
  name,
  name.replace(/_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase()),
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
];

/** A message as an object of its fields. */
export function messageSchema(message: MessageModel, definition: string, refer: Refer): Schema {
  return {
    type: "object",
    ...(message.comment === "" ? {} : { description: message.comment }),
    properties: propertiesOf(message, definition, refer),
    additionalProperties: false,
  };
}
