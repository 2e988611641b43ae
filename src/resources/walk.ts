import { getField, type MapValue, setOwn, sortedEntries } from "./message.ts";
import type { Field, FieldValueType, MessageType } from "./message-type.ts";
import { pathText, type PathStep } from "./json-context.ts";
import { isWellKnown } from "./well-known.ts";

/** Called for each set field; `"skip"` leaves out what is within it. */
export type FieldVisitor = (path: string, field: Field, value: unknown) => "skip" | undefined;

/**
 * Visits every set field of a message and of all messages within, in order of field number, with its path in JSON names:
 * `options.jwt.providers["a"].issuer`, `routes[0].matchers`. Well-known types such as Struct are leaves.
 */
export function walkSetFields<T>(type: MessageType<T>, message: T, visit: FieldVisitor): void {
  walk(type, message, [], visit);
}

function walk(type: MessageType, message: unknown, path: PathStep[], visit: FieldVisitor): void {
  for (const field of type.fields) {
    const value = getField(field, message as object);
    if (value === undefined) continue;
    path.push(field.jsonName);
    if (
      visit(pathText(path), field, value) !== "skip" &&
      field.type.kind === "message" &&
      !isWellKnown(field.type.message)
    ) {
      for (const [step, item] of itemsOf(field, value)) {
        if (step !== undefined) path.push(step);
        walk(field.type.message, item, path, visit);
        if (step !== undefined) path.pop();
      }
    }
    path.pop();
  }
}

function itemsOf(field: Field, value: unknown): Iterable<readonly [PathStep | undefined, unknown]> {
  if (field.cardinality === "repeated") return (value as readonly unknown[]).entries();
  if (field.cardinality === "map") {
    return sortedEntries(value as MapValue, field.mapKey ?? "string").map(
      ([key, item]) => [String(key), item] as const,
    );
  }
  return [[undefined, value]];
}

/** Whether a message has sensitive fields, at any depth: what stands in its place by mistake is then as secret. Not for hot paths. */
export function holdsSecrets(type: MessageType, seen: Set<MessageType> = new Set()): boolean {
  if (seen.has(type)) return false;
  seen.add(type);
  return type.fields.some(
    (field) => field.sensitive || (field.type.kind === "message" && holdsSecrets(field.type.message, seen)),
  );
}

const redacted = "[redacted]";

/**
 * A copy for logs, dumps, tables and errors: what stands in fields marked `sensitive` is `[redacted]`. The names of map
 * keys stay; numbers and booleans within become their defaults. What holds nothing sensitive is shared with the original.
 */
export function redact<T>(type: MessageType<T>, message: T): T {
  return redactMessage(type, message, false) as T;
}

function redactMessage(type: MessageType, message: unknown, secret: boolean): unknown {
  if (isWellKnown(type)) return secret ? redactWellKnown(type, message) : message;
  let copy: Record<string, unknown> | undefined;
  for (const field of type.fields) {
    const value = getField(field, message as object);
    if (value === undefined) continue;
    const safe = redactField(field, value, secret || field.sensitive);
    if (safe === value) continue;
    copy ??= { ...(message as Record<string, unknown>) };
    if (field.oneof === undefined) copy[field.localName] = safe;
    else copy[field.oneof] = { $case: field.localName, value: safe };
  }
  return copy ?? message;
}

function redactField(field: Field, value: unknown, secret: boolean): unknown {
  if (field.cardinality === "repeated") {
    const items = value as readonly unknown[];
    const safe = items.map((item) => redactValue(field.type, item, secret));
    return safe.some((item, index) => item !== items[index]) ? safe : value;
  }
  if (field.cardinality !== "map") return redactValue(field.type, value, secret);
  if (value instanceof Map)
    return new Map([...value].map(([key, item]) => [key, redactValue(field.type, item, secret)]));
  const entries = value as Readonly<Record<string, unknown>>;
  const safe: Record<string, unknown> = {};
  let changed = false;
  for (const key of Object.keys(entries)) {
    const item = redactValue(field.type, entries[key], secret);
    changed ||= item !== entries[key];
    setOwn(safe, key, item);
  }
  return changed ? safe : value;
}

function redactValue(type: FieldValueType, value: unknown, secret: boolean): unknown {
  if (type.kind === "message") return redactMessage(type.message, value, secret);
  return secret ? redactScalar(value) : value;
}

function redactScalar(value: unknown): unknown {
  switch (typeof value) {
    case "string":
      return value === "" ? value : redacted;
    case "number":
      return 0;
    case "bigint":
      return 0n;
    case "boolean":
      return false;
    default:
      return Buffer.from(redacted);
  }
}

function redactWellKnown(type: MessageType, value: unknown): unknown {
  switch (type.typeName) {
    case "google.protobuf.Struct":
      return Object.fromEntries(Object.keys(value as object).map((key) => [key, redacted]));
    case "google.protobuf.ListValue":
      return (value as readonly unknown[]).map(() => redacted);
    case "google.protobuf.FieldMask":
      return (value as readonly string[]).map(() => redacted);
    case "google.protobuf.Value":
      return redacted;
    case "google.protobuf.Any":
      return { typeUrl: "", value: Buffer.alloc(0) };
    case "google.protobuf.Duration":
    case "google.protobuf.Timestamp":
      return { seconds: 0n, nanos: 0 };
    case "google.protobuf.Empty":
      return value;
    default:
      return redactScalar(value);
  }
}
