import { hash } from "node:crypto";
import { type DescMessage, fromBinary, fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { envoyTypes } from "../xds/index.ts";

/**
 * A digest of what an encoded message of Envoy's says, however it is encoded: to be compared with that of its JSON. Undefined: nobody has
 * described the type, or one that is in it.
 */
export function digestOfBytes(typeUrl: string, bytes: Uint8Array): string | undefined {
  return digestOf(typeUrl, (type) => toJson(type, fromBinary(type, bytes), { registry: envoyTypes() }));
}

/** The same of canonical JSON, such as Envoy's `/config_dump` has. Undefined, too, where Envoy has blacked something out. */
export function digestOfJson(typeUrl: string, { "@type": _, ...json }: JsonObject): string | undefined {
  const text = JSON.stringify(json);
  if (BLACKED_OUT.some((mark) => text.includes(mark))) return undefined;
  const registry = envoyTypes();
  return digestOf(typeUrl, (type) => toJson(type, fromJson(type, json, { registry }), { registry }));
}

/** For texts and for bytes. Source: udpa.annotations.sensitive, and what Envoy's admin page makes of it. */
const BLACKED_OUT = ["[redacted]", Buffer.from("[redacted]").toString("base64")];

function digestOf(typeUrl: string, read: (type: DescMessage) => JsonValue): string | undefined {
  const type = envoyTypes().getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
  if (type === undefined) return undefined;
  try {
    return hash("sha256", JSON.stringify(sorted(read(type))), "hex").slice(0, 32);
  } catch {
    return undefined;
  }
}

/** Maps have no order. */
function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, it]) => [key, sorted(it)]));
}
