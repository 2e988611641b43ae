import { type Field, getField, type MessageType, walkSetFields } from "../resources/index.ts";
import type { Report } from "./report.ts";

/** Fields by name: true, where all of a field is implemented, or what is implemented inside it. */
interface FieldTree {
  [localName: string]: FieldTree | true;
}

/**
 * Makes a tree of dotted paths. A path that ends with a dot says only that the field is looked into, though nothing in it
 * may be implemented.
 */
function fieldTree(paths: readonly string[]): FieldTree {
  const tree: FieldTree = {};
  for (const path of paths) addPath(tree, path.split("."));
  return tree;
}

function addPath(tree: FieldTree, [name = "", ...rest]: readonly string[]): void {
  const present = tree[name];
  if (present === true) return;
  if (rest.length === 0) {
    tree[name] = true;
    return;
  }
  const inside = present ?? {};
  tree[name] = inside;
  addPath(inside, rest);
}

/** What is to be looked at in a message: the fields that aren't implemented as a whole. */
interface Plan {
  readonly checks: readonly { readonly field: Field; readonly inside: Plan | undefined }[];
}

/** Reports every set field that isn't implemented, and says whether one of them restricts access. */
export type UnimplementedFields<T> = (message: T, path: string, report: Report) => boolean;

/** Prepares the search for messages of a type. */
export function unimplementedFields<T>(type: MessageType<T>, implemented: readonly string[]): UnimplementedFields<T> {
  let plan: Plan | undefined;
  return (message, path, report) => {
    plan ??= planFor(type, fieldTree(implemented));
    return check(plan, message as object, path, report);
  };
}

function planFor(type: MessageType, tree: FieldTree): Plan {
  const checks: { field: Field; inside: Plan | undefined }[] = [];
  for (const field of type.fields) {
    const node = tree[field.localName];
    if (node === true) continue;
    if (node === undefined || field.type.kind !== "message") checks.push({ field, inside: undefined });
    else checks.push({ field, inside: planFor(field.type.message, node) });
  }
  return { checks };
}

function check(plan: Plan, message: object, path: string, report: Report): boolean {
  let restricted = false;
  for (const { field, inside } of plan.checks) {
    const value = getField(field, message);
    if (value === undefined) continue;
    const at = path === "" ? field.jsonName : `${path}.${field.jsonName}`;
    if (inside === undefined) {
      const restricts = field.restrictsAccess || restrictsInside(field, value);
      report.warn(
        at,
        restricts
          ? "is not supported yet, and it restricts access: what it protects answers 503"
          : "is not supported yet: it has no effect",
      );
      restricted ||= restricts;
    } else if (field.cardinality === "repeated") {
      for (const [index, item] of (value as readonly unknown[]).entries()) {
        if (check(inside, item as object, `${at}[${index}]`, report)) restricted = true;
      }
    } else if (field.cardinality === "map") {
      for (const [key, item] of Object.entries(value as object)) {
        if (check(inside, item as object, `${at}[${key}]`, report)) restricted = true;
      }
    } else if (check(inside, value as object, at, report)) {
      restricted = true;
    }
  }
  return restricted;
}

/** Whether something set inside a field that nothing implements restricts access. */
function restrictsInside(field: Field, value: unknown): boolean {
  if (field.type.kind !== "message") return false;
  const items =
    field.cardinality === "repeated"
      ? (value as readonly unknown[])
      : field.cardinality === "map"
        ? Object.values(value as object)
        : [value];
  let restricts = false;
  for (const item of items) {
    walkSetFields(field.type.message, item, (_path, inner) => {
      restricts ||= inner.restrictsAccess;
      return restricts ? "skip" : undefined;
    });
  }
  return restricts;
}
