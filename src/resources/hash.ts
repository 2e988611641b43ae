import { createHash } from "node:crypto";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { writeMessage } from "./binary.ts";
import type { Kind, Resource } from "./kind.ts";
import type { MessageType } from "./message-type.ts";

/** Metadata that users write. The rest is kept by servers and changes without the user's intent having changed. */
const intendedMetadata: ReadonlySet<string> = new Set([
  "name",
  "namespace",
  "cluster",
  "labels",
  "annotations",
  "owner_references",
]);

/**
 * Hash of what the user asked for: specification, names, labels, annotations and owners, without statuses, versions
 * and what else servers keep in metadata. Equal on every machine. It covers field numbers, lengths and the case of every
 * oneof, so different specifications differ in it; 128 bits of SHA-256 in hex.
 */
export function specHash<T extends Resource>(kind: Kind<T>, resource: T): string {
  return createHash("sha256")
    .update(kind.type.typeName)
    .update("\0")
    .update(encodeSpec(kind, resource))
    .digest("hex")
    .slice(0, 32);
}

/** Whether two resources ask for the same; see {@link specHash}. */
export function specEquals<T extends Resource>(kind: Kind<T>, a: T, b: T): boolean {
  return a === b || Buffer.compare(encodeSpec(kind, a), encodeSpec(kind, b)) === 0;
}

function encodeSpec<T extends Resource>(kind: Kind<T>, resource: T): Uint8Array {
  const type = kind.type as MessageType;
  const writer = new BinaryWriter();
  for (const field of type.fields) {
    if (field.name !== "metadata" || field.type.kind !== "message" || resource.metadata === undefined) continue;
    writer.uint32(field.number).fork();
    writeMessage(writer, field.type.message, resource.metadata, ({ name }) => intendedMetadata.has(name));
    writer.join();
  }
  writeMessage(writer, type, resource, ({ name }) => name !== "metadata" && name !== "namespaced_statuses");
  return writer.finish();
}
