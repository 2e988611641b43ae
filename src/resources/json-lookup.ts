import type { Field, MessageType } from "./message-type.ts";

/** What a key of a JSON object stands for in a message. */
export type KeyMeaning =
  /** `single`: one element stands for the list. */
  | { readonly kind: "field"; readonly field: Field; readonly single: boolean }
  /** The value is an object of more fields of the same message. */
  | { readonly kind: "inline" };

const lookups = new WeakMap<MessageType, ReadonlyMap<string, KeyMeaning>>();

/** All keys under which a message's fields are read, older names included. */
export function keysOf(type: MessageType): ReadonlyMap<string, KeyMeaning> {
  let lookup = lookups.get(type);
  if (lookup === undefined) {
    lookup = buildLookup(type);
    lookups.set(type, lookup);
  }
  return lookup;
}

function buildLookup(type: MessageType): ReadonlyMap<string, KeyMeaning> {
  const lookup = new Map<string, KeyMeaning>();
  const add = (key: string, meaning: KeyMeaning): void => {
    for (const spelling of [key, camelCase(key), snakeCase(key)]) {
      if (!lookup.has(spelling)) lookup.set(spelling, meaning);
    }
  };
  // Today's names of all fields come first, so that no older name can hide one.
  for (const field of type.fields) {
    lookup.set(field.jsonName, { kind: "field", field, single: false });
    lookup.set(field.name, { kind: "field", field, single: false });
  }
  for (const field of type.fields) {
    for (const alias of field.aliases) add(alias, { kind: "field", field, single: false });
    for (const alias of field.singleAliases) add(alias, { kind: "field", field, single: true });
  }
  for (const key of type.inlineKeys) add(key, { kind: "inline" });
  return lookup;
}

/** `bind_address` as `bindAddress`. */
export function camelCase(name: string): string {
  return name.replace(/_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `bindAddress` as `bind_address`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
