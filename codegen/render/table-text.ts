import { defaultJsonName } from "../model/json-name.ts";
import type { EnumModel, FieldModel, MessageModel, Model, TypeModel } from "../model/model.ts";
import { isOptionsPackage } from "./package-model.ts";

/**
 * The types of all generated messages, and of what they refer to elsewhere, as the text that the runtime's
 * `messageTables` reads; see there for its form.
 *
 * @param imported whether a package's types come from elsewhere, so that they are left out here
 */
export function tableText(model: Model, imported: (packageName: string) => boolean): string {
  const { messages, enums } = collect(model, imported);
  const packages = new Map<string, string[]>();
  for (const type of [...messages, ...enums]) {
    const lines = packages.get(type.packageName) ?? [];
    packages.set(type.packageName, lines);
    lines.push("fields" in type ? messageLines(type) : enumLines(type));
  }
  return [...packages]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([packageName, lines]) => `package ${packageName}\n${lines.join("")}`)
    .join("");
}

/** Whether the runtime has the message itself, in a form of its own. */
const isWellKnown = (typeName: string): boolean =>
  /^google\.protobuf\.(Any|Duration|Timestamp|Empty|FieldMask|Struct|Value|ListValue|\w+Value)$/.test(typeName) &&
  typeName !== "google.protobuf.EnumValue" &&
  typeName !== "google.protobuf.NullValue";

function collect(model: Model, imported: (packageName: string) => boolean) {
  const messages = new Set<MessageModel>();
  const enums = new Set<EnumModel>();

  function add(type: TypeModel): void {
    if (type.kind === "enum") {
      const found = model.enums.get(type.name);
      if (found !== undefined && (found.generate || !imported(found.packageName))) enums.add(found);
    } else if (type.kind === "message" && !isWellKnown(type.name)) {
      const found = model.messages.get(type.name);
      if (found === undefined || messages.has(found) || (!found.generate && imported(found.packageName))) return;
      messages.add(found);
      for (const field of found.fields) add(field.type);
    }
  }

  for (const file of model.files.filter(
    (candidate) => candidate.generate && !isOptionsPackage(candidate.packageName),
  )) {
    for (const { typeName } of file.messages) add({ kind: "message", name: typeName });
    for (const { typeName } of file.enums) add({ kind: "enum", name: typeName });
  }
  return { messages: [...messages].sort(byName), enums: [...enums].sort(byName) };
}

const byName = (a: { typeName: string }, b: { typeName: string }): number => (a.typeName < b.typeName ? -1 : 1);

const nameInPackage = (typeName: string, packageName: string): string =>
  packageName === "" ? typeName : typeName.slice(packageName.length + 1);

function messageLines(message: MessageModel): string {
  const inline = message.inlineKeys.length === 0 ? "" : ` inline=${message.inlineKeys.join(",")}`;
  const fields = message.fields.map((field) => `${fieldLine(field, message.packageName)}\n`).join("");
  return `message ${nameInPackage(message.typeName, message.packageName)}${inline}\n${fields}`;
}

function enumLines(type: EnumModel): string {
  const values = type.values.map(({ name, number }) => `${number} ${name}\n`).join("");
  return `enum ${nameInPackage(type.typeName, type.packageName)}\n${values}`;
}

function fieldLine(field: FieldModel, packageName: string): string {
  const marks = { singular: "", optional: "?", repeated: "[]", map: `{${field.mapKey}}` };
  const parts = [String(field.number), field.name, marks[field.cardinality] + typeText(field.type, packageName)];
  if (field.jsonName !== defaultJsonName(field.name)) parts.push(`json=${field.jsonName}`);
  if (field.localName !== field.jsonName) parts.push(`local=${field.localName}`);
  if (field.oneof !== undefined) parts.push(`oneof=${field.oneof.localName}`);
  if (field.aliases.length > 0) parts.push(`alias=${field.aliases.join(",")}`);
  if (field.singleAliases.length > 0) parts.push(`single=${field.singleAliases.join(",")}`);
  if (field.unwrap !== undefined) parts.push(`unwrap=${field.unwrap}`);
  if (field.deprecated) parts.push("deprecated");
  if (field.restrictsAccess) parts.push("restricts");
  if (field.sensitive) parts.push("sensitive");
  return parts.join(" ");
}

function typeText(type: TypeModel, packageName: string): string {
  if (type.kind === "scalar") return type.name;
  // A type of another package is named in full, and so is one that a shorter name would confuse with a scalar.
  const local = type.name.startsWith(`${packageName}.`) ? nameInPackage(type.name, packageName) : undefined;
  return local !== undefined && /^[A-Z]/.test(local) ? local : `.${type.name}`;
}
