import { posix } from "node:path";
import type { EnumModel, FieldModel, MessageModel, Model, TypeModel } from "../../model/model.ts";
import { isOptionsPackage } from "../package-model.ts";

/** Name within the package, such as `Settings.ConsulConfiguration`. */
export const nameInPackage = ({ typeName, packageName }: { typeName: string; packageName: string }): string =>
  packageName === "" ? typeName : typeName.slice(packageName.length + 1);

export const packagePage = (packageName: string): string => `packages/${packageName === "" ? "none" : packageName}.md`;

/** Page of a kind. */
export const kindPage = (message: MessageModel): string => `${message.resource?.plural}.md`;

/** Where a message or enum is described, from the root of the pages; undefined: in none of them. */
function placeOf(model: Model, type: TypeModel): { readonly name: string; readonly place: string | undefined } {
  const found: MessageModel | EnumModel | undefined = model.messages.get(type.name) ?? model.enums.get(type.name);
  if (found === undefined) return { name: type.name, place: undefined };
  const name = nameInPackage(found);
  if (!found.generate || isOptionsPackage(found.packageName)) return { name, place: undefined };
  if ("fields" in found && found.resource !== undefined) return { name, place: kindPage(found) };
  // The anchor that a heading of this text gets: lower case, without dots.
  return { name, place: `${packagePage(found.packageName)}#${name.toLowerCase().replaceAll(".", "")}` };
}

/** A link from a page to where a type is described, or only its name. */
export function typeLink(model: Model, page: string, type: TypeModel): string {
  const { name, place } = placeOf(model, type);
  if (place === undefined) return `\`${name}\``;
  const [target = "", anchor] = place.split("#");
  const path = target === page ? "" : posix.relative(posix.dirname(page), target);
  return `[${name}](${path}${anchor === undefined ? "" : `#${anchor}`})`;
}

/** Messages with a JSON form of their own, as people write them. */
const wellKnown: Readonly<Record<string, string>> = {
  "google.protobuf.Duration": "duration (`15s`)",
  "google.protobuf.Timestamp": "time (RFC 3339)",
  "google.protobuf.FieldMask": "paths joined by commas",
  "google.protobuf.Struct": "any object",
  "google.protobuf.Value": "any value",
  "google.protobuf.ListValue": "any list",
  "google.protobuf.Empty": "empty object (`{}`)",
  "google.protobuf.Any": "object with `@type`",
  "google.protobuf.DoubleValue": "double",
  "google.protobuf.FloatValue": "float",
  "google.protobuf.Int64Value": "int64",
  "google.protobuf.UInt64Value": "uint64",
  "google.protobuf.Int32Value": "int32",
  "google.protobuf.UInt32Value": "uint32",
  "google.protobuf.BoolValue": "bool",
  "google.protobuf.StringValue": "string",
  "google.protobuf.BytesValue": "bytes (base64)",
};

/** What is written for a field, with a link to its type. */
export function fieldType(model: Model, page: string, field: FieldModel): string {
  const { type } = field;
  const scalar = type.name === "bytes" ? "bytes (base64)" : type.name;
  const one = type.kind === "scalar" ? scalar : (wellKnown[type.name] ?? typeLink(model, page, type));
  if (field.cardinality === "repeated") return `list of ${one}`;
  return field.cardinality === "map" ? `map of ${field.mapKey} to ${one}` : one;
}
