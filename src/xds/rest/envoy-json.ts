import { existsSync, readFileSync } from "node:fs";
import {
  createFileRegistry,
  createRegistry,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type Registry,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { type DescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** The discovery messages between their bytes and protobuf's canonical JSON. */
export interface EnvoyJson {
  /** Reads a DiscoveryRequest. Unknown fields are ignored. Throws if it is none. */
  request(json: string): Uint8Array;
  /** Writes a DiscoveryResponse. Throws if it holds, at any depth, an Any of a type that nobody has described. */
  response(bytes: Uint8Array): string;
}

/**
 * Canonical JSON writes the content of an Any out, so it takes a description of every type that may be in one. Envoy's are the ones
 * that its messages here are generated from; `more` describes others.
 */
export function createEnvoyJson(more: Registry | undefined): EnvoyJson {
  const registry = more === undefined ? envoyTypes() : createRegistry(envoyTypes(), more);
  const type = (name: string): DescMessage => {
    const message = registry.getMessage(`envoy.service.discovery.v3.${name}`);
    if (message === undefined) throw new Error(`${name} is missing from Envoy's descriptors: install the package anew`);
    return message;
  };
  const [requestType, responseType] = [type("DiscoveryRequest"), type("DiscoveryResponse")];
  return {
    request(json) {
      const value = JSON.parse(json) as JsonValue;
      dropDetails(value);
      return toBinary(requestType, fromJson(requestType, value, { registry, ignoreUnknownFields: true }));
    },
    response: (bytes) => JSON.stringify(toJson(responseType, fromBinary(responseType, bytes), { registry })),
  };
}

/** Details of a refusal may be of any type, and nobody reads them. */
function dropDetails(request: JsonValue): void {
  if (typeof request !== "object" || request === null || Array.isArray(request)) return;
  for (const key of ["errorDetail", "error_detail"]) {
    const error = request[key];
    if (typeof error === "object" && error !== null && !Array.isArray(error)) delete error["details"];
  }
}

let known: Registry | undefined;

/** Envoy's types, read when they are first needed: they are in no program that doesn't ask. */
export function envoyTypes(): Registry {
  if (known === undefined) {
    const files = fromBinary(FileDescriptorSetSchema, readDescriptors());
    for (const { messageType } of files.file) for (const message of messageType) nameInJson(message);
    known = createFileRegistry(files);
  }
  return known;
}

/** protoc writes each field's JSON name beside its own; where these descriptors come from, what follows from a name is left out. */
function nameInJson(message: DescriptorProto): void {
  for (const field of message.field) {
    field.jsonName ||= field.name.replaceAll(/_+([a-z0-9]?)/g, (_, next: string) => next.toUpperCase());
  }
  for (const nested of message.nestedType) nameInJson(nested);
}

/** The descriptors are a file beside the generator's source; the built package has it at the same place of the package. */
function readDescriptors(): Uint8Array {
  const places = ["../../../", "../../../../"].map(
    (root) => new URL(`${root}codegen/envoy/descriptors.binpb`, import.meta.url),
  );
  const place = places.find((candidate) => existsSync(candidate));
  if (place === undefined)
    throw new Error("Envoy's descriptors are not part of the installation: install the package anew");
  return readFileSync(place);
}
