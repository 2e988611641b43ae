import { createHash } from "node:crypto";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { writeMessage } from "./binary.ts";
import { equalCanonical } from "./equal-canonical.ts";
import type { Kind, Resource } from "./kind.ts";
import type { Field, MessageType } from "./message-type.ts";

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

/** Whether two resources ask for the same; see {@link specHash}. Of two states that share what is equal it costs the difference. */
export function specEquals<T extends Resource>(kind: Kind<T>, a: T, b: T): boolean {
  if (a === b) return true;
  const type = kind.type as MessageType;
  const metadata = metadataType(type);
  if (metadata !== undefined && a.metadata !== b.metadata) {
    if (a.metadata === undefined || b.metadata === undefined) return false;
    if (!equalCanonical(metadata, a.metadata, b.metadata, isIntended)) return false;
  }
  return equalCanonical(type, a, b, isSpec);
}

const isIntended = ({ name }: Field): boolean => intendedMetadata.has(name);
const isSpec = ({ name }: Field): boolean => name !== "metadata" && name !== "namespaced_statuses";

function metadataType(type: MessageType): MessageType | undefined {
  const field = type.fields.find(({ name }) => name === "metadata");
  return field?.type.kind === "message" ? field.type.message : undefined;
}

function encodeSpec<T extends Resource>(kind: Kind<T>, resource: T): Uint8Array {
  const type = kind.type as MessageType;
  const writer = new BinaryWriter();
  for (const field of type.fields) {
    if (field.name !== "metadata" || field.type.kind !== "message" || resource.metadata === undefined) continue;
    writer.uint32(field.number).fork();
    writeMessage(writer, field.type.message, resource.metadata, isIntended);
    writer.join();
  }
  writeMessage(writer, type, resource, isSpec);
  return writer.finish();
}
