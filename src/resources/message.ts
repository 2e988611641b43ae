import type { Field, MessageType, ScalarType } from "./message-type.ts";

/** How generated code holds a map: an object, or a Map where keys are booleans or 64-bit integers. */
export type MapValue = Readonly<Record<string, unknown>> | ReadonlyMap<bigint | boolean, unknown>;

/** Whether generated code holds maps with such keys as a Map. */
export function isMapKeyed(key: ScalarType): boolean {
  return key === "bool" || key.endsWith("64");
}

/** The value that a field without presence has when it is not set. */
export function scalarDefault(scalar: ScalarType): unknown {
  switch (scalar) {
    case "string":
      return "";
    case "bool":
      return false;
    case "bytes":
      return Buffer.alloc(0);
    case "int64":
    case "uint64":
    case "sint64":
    case "fixed64":
    case "sfixed64":
      return 0n;
    default:
      return 0;
  }
}

function fieldDefault(field: Field): unknown {
  if (field.cardinality === "repeated") return [];
  if (field.cardinality === "map") return field.mapKey !== undefined && isMapKeyed(field.mapKey) ? new Map() : {};
  if (field.cardinality === "optional" || field.type.kind === "message") return undefined;
  return field.type.kind === "enum" ? 0 : scalarDefault(field.type.scalar);
}

interface Template {
  /** All properties in order of declaration, so that messages of a type share one hidden class. */
  readonly base: Readonly<Record<string, unknown>>;
  /** Fields whose default must not be shared. */
  readonly fresh: readonly Field[];
}

const templates = new WeakMap<MessageType, Template>();

function templateOf(type: MessageType): Template {
  let template = templates.get(type);
  if (template === undefined) {
    const defaults = new Map<string, unknown>();
    for (const field of type.fields) {
      if (field.oneof === undefined) defaults.set(field.localName, fieldDefault(field));
      else defaults.set(field.oneof, undefined);
    }
    // What JSON.parse makes keeps its hidden class with more than a dozen properties; one that grows by them becomes a hash table,
    // a hundred times slower to copy.
    const base = JSON.parse(
      JSON.stringify(Object.fromEntries([...defaults.keys()].map((name) => [name, null]))),
    ) as Record<string, unknown>;
    for (const [name, value] of defaults) base[name] = value;
    const fresh = type.fields.filter(({ cardinality }) => cardinality === "repeated" || cardinality === "map");
    template = { base, fresh };
    templates.set(type, template);
  }
  return template;
}

/** A message with all fields at their defaults, as generated code would make it. */
export function createMessage(type: MessageType): Record<string, unknown> {
  const { base, fresh } = templateOf(type);
  // Faster than a spread, which is quick for few types only.
  const message: Record<string, unknown> = Object.assign({}, base);
  for (const field of fresh) message[field.localName] = fieldDefault(field);
  return message;
}

/** The field's value if it is set, that is if it has presence or differs from its default; otherwise undefined. */
export function getField(field: Field, message: object): unknown {
  const properties = message as Readonly<Record<string, unknown>>;
  if (field.oneof !== undefined) {
    const union = properties[field.oneof] as { $case: string; value: unknown } | undefined;
    return union?.$case === field.localName ? union.value : undefined;
  }
  const value = properties[field.localName];
  if (value === undefined) return undefined;
  if (field.cardinality === "repeated") return (value as readonly unknown[]).length === 0 ? undefined : value;
  if (field.cardinality === "map") return isEmptyMap(value as MapValue) ? undefined : value;
  if (field.cardinality === "optional" || field.type.kind === "message") return value;
  if (field.type.kind === "scalar" && field.type.scalar === "bytes") {
    return (value as Uint8Array).length === 0 ? undefined : value;
  }
  // -0 counts as the default, as in generated code.
  return value === 0 || value === "" || value === false || value === 0n ? undefined : value;
}

/** Sets a field, and with it the case of its oneof. */
export function setField(field: Field, message: Record<string, unknown>, value: unknown): void {
  if (field.oneof === undefined) message[field.localName] = value;
  else message[field.oneof] = { $case: field.localName, value };
}

function isEmptyMap(map: MapValue): boolean {
  if (map instanceof Map) return map.size === 0;
  for (const key in map) if (Object.hasOwn(map, key)) return false;
  return true;
}

/** The entries of a map field, sorted by key: numbers by value, text by UTF-16 code units. */
export function sortedEntries(
  map: MapValue,
  key: ScalarType,
): readonly (readonly [string | bigint | boolean, unknown])[] {
  const entries: (readonly [string | bigint | boolean, unknown])[] =
    map instanceof Map ? [...map] : Object.entries(map as Readonly<Record<string, unknown>>);
  if (entries.length < 2) return entries;
  if (key === "string") return entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.sort(([a], [b]) =>
    key === "bool" || typeof a === "bigint" ? (a < b ? -1 : 1) : Number(a) - Number(b),
  );
}

/** Sets an own property whatever its name: assigning to `__proto__` would change the prototype instead. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[key] = value;
  }
}
