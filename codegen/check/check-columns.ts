import type { ColumnModel, FieldModel, MessageModel, Model } from "../model/model.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { nearest } from "./nearest.ts";

/** Whether the columns of a kind lead to fields. */
export function checkColumns(message: MessageModel, model: Model): readonly Diagnostic[] {
  const { resource } = message;
  if (resource === undefined) return [];
  const problems = resource.columns.flatMap((column) => {
    const problem = columnProblem(column, message, model);
    return problem === undefined ? [] : [{ position: resource.position, message: problem }];
  });
  const headers = resource.columns.map(({ header }) => header);
  const twice = headers.filter((header, index) => headers.indexOf(header) !== index);
  return [
    ...problems,
    ...twice.map((header) => ({
      position: resource.position,
      message: `two columns are called "${header}". Rename one.`,
    })),
  ];
}

function columnProblem(column: ColumnModel, message: MessageModel, model: Model): string | undefined {
  const { header, path } = column;
  if (header === "") return `the column with path "${path}" has no header. Add one: header: "${path.toUpperCase()}".`;
  if (path === "status") {
    return message.resource?.hasStatus
      ? undefined
      : `column "${header}" shows the status, but ${message.localName} has none. Remove the column, or add has_status.`;
  }
  const names = path.split(".");
  let current: MessageModel | undefined = message;
  for (const [index, name] of names.entries()) {
    if (current === undefined) {
      return `path "${path}" of column "${header}" goes on after "${names.slice(0, index).join(".")}", which has no fields. End it there.`;
    }
    // The name of a oneof stands for the case that is set.
    const isLast = index === names.length - 1;
    if (isLast && current.fields.some(({ oneof }) => oneof?.name === name)) return undefined;
    const field: FieldModel | undefined = current.fields.find((candidate) => candidate.name === name);
    if (field === undefined) {
      return `path "${path}" of column "${header}": ${current.localName} has no field "${name}". ${suggestion(name, current)}`;
    }
    // Lists are followed into their elements; the entries of a map have no names that a proto knows.
    const opens: boolean = field.type.kind === "message" && field.cardinality !== "map" && !isLeaf(field.type.name);
    current = opens ? model.messages.get(field.type.name) : undefined;
  }
  return undefined;
}

/** Well-known types are shown as their JSON: a path doesn't lead into them. */
const isLeaf = (typeName: string): boolean => typeName.startsWith("google.protobuf.");

function suggestion(name: string, { fields }: MessageModel): string {
  const names = fields.flatMap((field) => [field.name, ...(field.oneof === undefined ? [] : [field.oneof.name])]);
  const best = nearest(name, names);
  if (best !== undefined) return `Did you mean "${best}"?`;
  if (fields.length === 0) return "It has no fields at all.";
  const some = fields.slice(0, 8).map((field) => field.name);
  return `It has ${some.join(", ")}${fields.length > some.length ? ", …" : ""}.`;
}
