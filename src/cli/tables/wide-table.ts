import {
  type AnyKind,
  type Column,
  type Field,
  fieldToJson,
  getField,
  type MessageType,
  type Resource,
} from "../../resources/index.ts";
import { stateOf } from "./status-text.ts";
import { renderTable } from "./table.ts";

/** A table of any kind by the columns that its proto declares. */
export const columnTable = (kind: AnyKind, resources: readonly Resource[], statusNamespace: string): string =>
  draw(
    kind,
    kind.columns.filter(({ wide }) => !wide),
    false,
    resources,
    statusNamespace,
  );

/** With the namespace and all columns. */
export const wideTable = (kind: AnyKind, resources: readonly Resource[], statusNamespace: string): string =>
  draw(kind, kind.columns, true, resources, statusNamespace);

function draw(
  kind: AnyKind,
  columns: readonly Column[],
  withNamespace: boolean,
  resources: readonly Resource[],
  statusNamespace: string,
): string {
  const headers = [titleOf(kind), ...(withNamespace ? ["NAMESPACE"] : []), ...columns.map(({ header }) => header)];
  const rows = resources.map((resource) => [
    resource.metadata?.name ?? "",
    ...(withNamespace ? [resource.metadata?.namespace ?? ""] : []),
    ...columns.map(({ path }) =>
      path === "status" ? stateOf(resource, statusNamespace) : valueAt(kind.type, resource, path.split(".")).join(", "),
    ),
  ]);
  return renderTable({ headers, rows });
}

/** `VirtualHostOption` → `VIRTUAL HOST OPTION`. */
const titleOf = (kind: AnyKind): string => kind.kind.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toUpperCase();

function valueAt(type: MessageType, message: unknown, path: readonly string[]): readonly string[] {
  const [name = "", ...rest] = path;
  const field = type.fields.find((candidate) => candidate.name === name);
  if (field === undefined) return setCase(type, message, name);
  const value = getField(field, message as object);
  if (value === undefined) return rest.length === 0 ? [defaultText(field)] : [];
  if (rest.length > 0 && field.type.kind === "message") {
    const inner = field.type.message;
    const items = field.cardinality === "repeated" ? (value as readonly unknown[]) : [value];
    return items.flatMap((item) => valueAt(inner, item, rest));
  }
  const json = fieldToJson(field, value);
  return (Array.isArray(json) ? json : [json]).map((item) =>
    typeof item === "object" ? JSON.stringify(item) : String(item),
  );
}

/** The JSON name of the field that is set in a oneof. */
function setCase(type: MessageType, message: unknown, oneof: string): readonly string[] {
  const property = oneof.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const field = type.fields.find(
    (candidate) => candidate.oneof === property && getField(candidate, message as object) !== undefined,
  );
  return field === undefined ? [] : [field.jsonName];
}

/** What stands for a field that isn't set: booleans say so, the rest is left empty. */
function defaultText(field: Field): string {
  const isFlag = field.cardinality === "singular" && field.type.kind === "scalar" && field.type.scalar === "bool";
  return isFlag ? "false" : "";
}
