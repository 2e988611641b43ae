import { type DescMessage, fromBinary, type Message, type Registry, toBinary } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { type EnvoyVersion, type NewerField, newerFields } from "./newer-fields.ts";

/** A message without what an older Envoy doesn't know. */
export interface WithheldMessage {
  readonly bytes: Uint8Array;
  /** What was left out, at any depth. */
  readonly fields: readonly NewerField[];
}

/** Takes what is newer than a version out of an encoded message. Undefined: there is nothing, or nobody has described the type. */
export type Withhold = (typeUrl: string, bytes: Uint8Array) => WithheldMessage | undefined;

/** Whether version `a` is older than `b`. */
export const isOlder = (a: EnvoyVersion, b: EnvoyVersion): boolean => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);

/** For Envoys older than `before`. */
export function createWithhold(before: EnvoyVersion, types: Registry): Withhold {
  const newer = new Map(newerFields.filter(({ since }) => !isOlder(since, before)).map((field) => [field.name, field]));

  /** Returns whether anything was left out of the message, which is changed. */
  function strip(message: ReflectMessage, found: Set<NewerField>): boolean {
    let changed = false;
    if (message.desc.typeName === "google.protobuf.Any") return stripAny(message, found);
    for (const field of message.fields) {
      if (!message.isSet(field)) continue;
      const unknown = newer.get(`${message.desc.typeName}.${field.name}`);
      if (unknown !== undefined) {
        found.add(unknown);
        message.clear(field);
        changed = true;
        continue;
      }
      if (field.fieldKind === "enum") {
        const number: number = message.get(field);
        const value = field.enum.value[number];
        const unknownValue = newer.get(`${field.enum.typeName}.${value?.name}`);
        if (unknownValue === undefined) continue;
        found.add(unknownValue);
        message.clear(field);
        changed = true;
      } else if (field.fieldKind === "message") {
        changed = strip(message.get(field), found) || changed;
      } else if (field.fieldKind === "list" && field.listKind === "message") {
        for (const item of message.get(field)) changed = strip(item as ReflectMessage, found) || changed;
      } else if (field.fieldKind === "map" && field.mapKind === "message") {
        for (const item of message.get(field).values()) changed = strip(item as ReflectMessage, found) || changed;
      }
    }
    return changed;
  }

  function stripAny({ message }: ReflectMessage, found: Set<NewerField>): boolean {
    const any = message as Message & { typeUrl: string; value: Uint8Array };
    const stripped = withhold(any.typeUrl, any.value);
    if (stripped === undefined) return false;
    for (const field of stripped.fields) found.add(field);
    any.value = stripped.bytes;
    return true;
  }

  function withhold(typeUrl: string, bytes: Uint8Array): WithheldMessage | undefined {
    const type: DescMessage | undefined = types.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
    if (type === undefined) return undefined;
    const message = fromBinary(type, bytes);
    const found = new Set<NewerField>();
    if (!strip(reflect(type, message), found)) return undefined;
    return { bytes: toBinary(type, message), fields: [...found] };
  }

  return withhold;
}
