import { combineErrors, EpoxyError, locatedError } from "../errors/index.ts";
import { encodeMessage } from "./binary.ts";
import {
  createContext,
  describe,
  isFull,
  type JsonContext,
  type JsonValue,
  maxJsonDepth,
  pathText,
  report,
  type TypeRegistry,
} from "./json-context.ts";
import { parseDuration, parseTimestamp, suggestDuration } from "./json-duration.ts";
import { keysOf, snakeCase } from "./json-lookup.ts";
import { readEnum, readScalar } from "./json-read-scalar.ts";
import { createMessage, isMapKeyed, setField, setOwn } from "./message.ts";
import type { Field, FieldValueType, MessageType, ScalarType } from "./message-type.ts";
import { nearestName } from "./nearest-name.ts";
import { holdsSecrets } from "./walk.ts";
import { wellKnownType } from "./well-known.ts";
import { wrapperScalar } from "./wrappers.ts";

/** How JSON is read. */
export interface FromJsonOptions {
  /** Names the input in errors. */
  readonly source?: string | undefined;
  /** Messages that an Any may hold, besides the well-known types. */
  readonly types?: TypeRegistry | undefined;
}

/**
 * Reads canonical ProtoJSON: fields by their JSON or proto name or an older name, unknown fields refused.
 * Source: https://protobuf.dev/programming-guides/json/
 * @throws `invalid` with every problem found, each with its path; `problemsOf` lists them
 */
export function fromJson<T>(type: MessageType<T>, json: JsonValue, options: FromJsonOptions = {}): T {
  const context = createContext({ types: options.types });
  const message = readMessage(context, type, json, false);
  if (context.problems.length === 0) return message as T;
  const source = options.source;
  throw combineErrors(
    context.problems.map(({ path, message: detail }) =>
      source === undefined
        ? new EpoxyError("invalid", `${path.length === 0 ? type.typeName : pathText(path)}: ${detail}`, {
            location: { source: type.typeName, path: pathText(path) },
          })
        : locatedError("invalid", detail, { source, path: pathText(path) }),
    ),
  );
}

/** Reads a message; what is wrong is in the context's problems, and the result then incomplete or undefined. */
export function readMessage(context: JsonContext, type: MessageType, json: unknown, secret: boolean): unknown {
  if (context.path.length > maxJsonDepth) return report(context, `nested more than ${maxJsonDepth} levels deep`);
  if (type.typeName.startsWith("google.protobuf.") && wellKnownType(type.typeName) !== undefined) {
    return readWellKnown(context, type, json, secret);
  }
  if (!isObject(json)) {
    return report(context, `expected an object, found ${describe(json, secret || holdsSecrets(type))}`);
  }
  const message = createMessage(type);
  readFields(context, type, json, message, { secret });
  return message;
}

/** Options of {@link readFields}. */
export interface ReadFieldsOptions {
  readonly secret?: boolean;
  /** Keys that someone else reads. */
  readonly skip?: ReadonlySet<string>;
  /** Names of fields that may not stand here. */
  readonly exclude?: ReadonlySet<string>;
  /** A remedy for an unknown key; by default the nearest name. */
  readonly hint?: (key: string) => string | undefined;
}

/** Reads the fields of an object into a message that has its defaults. */
export function readFields(
  context: JsonContext,
  type: MessageType,
  json: Readonly<Record<string, unknown>>,
  message: Record<string, unknown>,
  options: ReadFieldsOptions = {},
  given: Map<string, string> = new Map(),
): void {
  const keys = keysOf(type);
  for (const key of Object.keys(json)) {
    if (options.skip?.has(key) === true) continue;
    const meaning = keys.get(key);
    if (meaning === undefined || (meaning.kind === "field" && options.exclude?.has(meaning.field.name) === true)) {
      reportUnknown(context, type, key, options);
      continue;
    }
    const value = json[key];
    if (meaning.kind === "inline") {
      if (value === null) continue;
      context.path.push(key);
      if (context.path.length > maxJsonDepth) report(context, `nested more than ${maxJsonDepth} levels deep`);
      else if (isObject(value)) readFields(context, type, value, message, options, given);
      else report(context, `expected an object, found ${describe(value, options.secret || holdsSecrets(type))}`);
      context.path.pop();
      continue;
    }
    readFieldOnce(context, meaning.field, meaning.single, key, value, message, given, options.secret === true);
  }
}

function reportUnknown(context: JsonContext, type: MessageType, key: string, options: ReadFieldsOptions): void {
  if (isFull(context)) return;
  const names = type.fields.filter(({ name }) => options.exclude?.has(name) !== true).map(({ jsonName }) => jsonName);
  const near = nearestName(key, names) ?? nearestName(key, keysOf(type).keys());
  const hint = options.hint?.(key) ?? (near === undefined ? listNames(names) : `did you mean "${near}"?`);
  report(context, `unknown field${hint === "" ? "" : `: ${hint}`}`, { key });
}

function listNames(names: readonly string[]): string {
  if (names.length === 0) return "there are none here";
  return names.length > 10 ? "" : `there are ${names.join(", ")}`;
}

function readFieldOnce(
  context: JsonContext,
  field: Field,
  single: boolean,
  key: string,
  json: unknown,
  message: Record<string, unknown>,
  given: Map<string, string>,
  parentSecret: boolean,
): void {
  const secret = parentSecret || field.sensitive;
  // null is absence, except where null is a value.
  if (json === null && !acceptsNull(field)) return;
  const earlier = given.get(field.name);
  if (earlier !== undefined) {
    const same = earlier === key ? "" : ` (as "${earlier}", too)`;
    report(context, `the field ${field.jsonName} is given twice${same}: keep one`, { key });
    return;
  }
  given.set(field.name, key);
  if (field.oneof !== undefined) {
    const other = given.get(`oneof ${field.oneof}`);
    if (other !== undefined) {
      report(context, `only one of "${other}" and "${key}" can be set`, { key });
      return;
    }
    given.set(`oneof ${field.oneof}`, key);
  }
  context.path.push(key);
  const value =
    single && !Array.isArray(json) ? readSingle(context, field, json, secret) : readField(context, field, json, secret);
  context.path.pop();
  if (value !== undefined) setField(field, message, value);
}

function acceptsNull(field: Field): boolean {
  if (field.cardinality === "repeated" || field.cardinality === "map") return false;
  if (field.type.kind === "message") return field.type.message.typeName === "google.protobuf.Value";
  return field.type.kind === "enum" && field.type.enum.typeName === "google.protobuf.NullValue";
}

function readSingle(
  context: JsonContext,
  field: Field,
  json: unknown,
  secret: boolean,
): readonly unknown[] | undefined {
  const value = readValue(context, field.type, json, secret);
  return value === undefined ? undefined : [value];
}

function readField(context: JsonContext, field: Field, given: unknown, secret: boolean): unknown {
  const json = field.unwrap === undefined ? given : unwrap(given, field.unwrap);
  if (field.cardinality === "repeated") return readList(context, field, json, secret);
  if (field.cardinality === "map") return readMap(context, field, json, secret);
  return readValue(context, field.type, json, secret);
}

function unwrap(json: unknown, wrapper: string): unknown {
  if (!isObject(json)) return json;
  const [key, ...others] = Object.keys(json);
  return key !== undefined && others.length === 0 && (key === wrapper || key === snakeCase(wrapper)) ? json[key] : json;
}

function readList(context: JsonContext, field: Field, json: unknown, secret: boolean): readonly unknown[] | undefined {
  if (!Array.isArray(json)) {
    const hidden = secret || isSecretHolder(field);
    return report(context, `expected a list, found ${describe(json, hidden)}: begin each item with "- "`);
  }
  const items: unknown[] = [];
  for (let index = 0; index < json.length; index++) {
    context.path.push(index);
    const item = readValue(context, field.type, json[index], secret);
    context.path.pop();
    if (item !== undefined) items.push(item);
  }
  return items;
}

const isSecretHolder = ({ type }: Field): boolean => type.kind === "message" && holdsSecrets(type.message);

function readMap(context: JsonContext, field: Field, json: unknown, secret: boolean): unknown {
  if (!isObject(json)) {
    return report(context, `expected an object, found ${describe(json, secret || isSecretHolder(field))}`);
  }
  const keyType = field.mapKey ?? "string";
  const entries = new Map<unknown, unknown>();
  for (const key of Object.keys(json)) {
    context.path.push(key);
    const parsedKey = readMapKey(context, keyType, key);
    const value = readValue(context, field.type, json[key], secret);
    context.path.pop();
    if (parsedKey !== undefined && value !== undefined) entries.set(parsedKey, value);
  }
  // Sorted, so that whatever is made from the message is the same however its source was ordered.
  const sorted = [...entries].sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1));
  if (isMapKeyed(keyType)) return new Map(sorted);
  const map: Record<string, unknown> = {};
  for (const [key, value] of sorted) setOwn(map, String(key), value);
  return map;
}

function readMapKey(context: JsonContext, keyType: ScalarType, key: string): unknown {
  if (keyType === "bool") {
    if (key === "true" || key === "false") return key === "true";
    return report(context, `expected true or false as the key, found ${JSON.stringify(key)}`);
  }
  return readScalar(context, keyType, key, false);
}

function readValue(context: JsonContext, type: FieldValueType, json: unknown, secret: boolean): unknown {
  if (type.kind === "scalar") return readScalar(context, type.scalar, json, secret);
  if (type.kind === "message") return readMessage(context, type.message, json, secret);
  if (type.enum.typeName === "google.protobuf.NullValue" && json === null) return 0;
  return readEnum(context, type.enum, json, secret);
}

function readWellKnown(context: JsonContext, type: MessageType, json: unknown, secret: boolean): unknown {
  const scalar = wrapperScalar(type.typeName);
  if (scalar !== undefined) return readScalar(context, scalar, json, secret);
  switch (type.typeName) {
    case "google.protobuf.Duration":
      return readDuration(context, json, secret);
    case "google.protobuf.Timestamp": {
      const value = typeof json === "string" ? parseTimestamp(json) : undefined;
      return (
        value ?? report(context, `expected a time such as "2026-01-31T12:00:00Z", found ${describe(json, secret)}`)
      );
    }
    case "google.protobuf.FieldMask":
      if (typeof json !== "string")
        return report(context, `expected paths joined by commas, found ${describe(json, secret)}`);
      return json === "" ? [] : json.split(",").map(snakeCase);
    case "google.protobuf.Value":
      return readAnyJson(context, json);
    case "google.protobuf.Struct":
      if (!isObject(json)) return report(context, `expected an object, found ${describe(json, secret)}`);
      return readAnyJson(context, json);
    case "google.protobuf.ListValue":
      if (!Array.isArray(json)) return report(context, `expected a list, found ${describe(json, secret)}`);
      return readAnyJson(context, json);
    case "google.protobuf.Any":
      return readAny(context, json, secret);
    default:
      if (!isObject(json)) return report(context, `expected an object, found ${describe(json, secret)}`);
      for (const key of Object.keys(json)) report(context, "unknown field: the object must be empty", { key });
      return {};
  }
}

function readDuration(context: JsonContext, json: unknown, secret: boolean): unknown {
  const value = typeof json === "string" ? parseDuration(json) : undefined;
  if (value !== undefined) return value;
  const meant = typeof json === "string" ? suggestDuration(json) : typeof json === "number" ? `${json}s` : undefined;
  const remedy = meant === undefined || secret ? "" : `: write ${meant}`;
  return report(
    context,
    `expected a duration in seconds such as 15s or 0.5s, found ${describe(json, secret)}${remedy}`,
  );
}

/** Copies plain JSON, with the keys of objects sorted. */
function readAnyJson(context: JsonContext, json: unknown): unknown {
  if (context.path.length > maxJsonDepth) return report(context, `nested more than ${maxJsonDepth} levels deep`);
  if (Array.isArray(json)) {
    return json.map((item, index) => {
      context.path.push(index);
      const value = readAnyJson(context, item);
      context.path.pop();
      return value;
    });
  }
  if (isObject(json)) {
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(json).sort()) {
      context.path.push(key);
      setOwn(copy, key, readAnyJson(context, json[key]));
      context.path.pop();
    }
    return copy;
  }
  if (typeof json === "number" && !Number.isFinite(json)) return report(context, `${json} is no JSON number`);
  if (typeof json === "string") return readScalar(context, "string", json, true);
  return json ?? null;
}

function readAny(context: JsonContext, json: unknown, secret: boolean): unknown {
  if (!isObject(json)) return report(context, `expected an object, found ${describe(json, secret)}`);
  const { "@type": typeUrl, ...rest } = json;
  if (Object.keys(json).length === 0) return { typeUrl: "", value: Buffer.alloc(0) };
  if (typeof typeUrl !== "string" || !typeUrl.includes("/")) {
    return report(context, 'the object needs "@type": type.googleapis.com/ and the full name of a message');
  }
  const typeName = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
  const wellKnown = wellKnownType(typeName);
  const type = wellKnown ?? context.types(typeName);
  if (type === undefined)
    return report(context, `the message type ${describe(typeName)} is not known here`, { key: "@type" });
  if (wellKnown !== undefined) context.path.push("value");
  const message = readMessage(context, type, wellKnown === undefined ? rest : rest.value, secret);
  if (wellKnown !== undefined) context.path.pop();
  if (message === undefined) return undefined;
  return { typeUrl, value: Buffer.from(encodeMessage(type, message)) };
}

/** Whether JSON is an object, rather than a list or a scalar. */
export function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
