import { hash } from "node:crypto";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { piecesOf, type XdsResource } from "./cache/resource.ts";
import {
  bareResource,
  type BareResource,
  deltaHeader,
  type Header,
  sizeInResponse,
  sotwHeader,
  wrappedHeader,
  writeHeader,
} from "./resource-headers.ts";

/**
 * The messages of envoy/service/discovery/v3/discovery.proto, as far as a server needs them. Requests are read here rather than by generated
 * code because a list of a thousand names, repeated in each ACK, needn't be decoded to see that it is the same; responses are written here
 * because their resources are bytes that exist already.
 */

/** envoy.config.core.v3.Node: who a client says it is. */
export interface XdsNode {
  readonly id: string;
  readonly cluster: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string } | undefined;
  readonly userAgentName: string;
  /** As `1.40.0`; empty if the client didn't say. */
  readonly userAgentVersion: string;
  readonly clientFeatures: readonly string[];
}

/** google.rpc.Status: why a client refused a response. For people; never parsed. */
export interface ErrorDetail {
  readonly code: number;
  readonly message: string;
}

/** A list of names as it was received. */
export interface NameList {
  /** Equal for equal lists. */
  readonly digest: string;
  decode(): string[];
}

/** What both kinds of request have. */
export interface CommonRequest {
  readonly node: XdsNode | undefined;
  readonly typeUrl: string;
  readonly responseNonce: string;
  readonly errorDetail: ErrorDetail | undefined;
}

export interface SotwRequest extends CommonRequest {
  readonly versionInfo: string;
  readonly resourceNames: NameList;
}

export interface DeltaRequest extends CommonRequest {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialResourceVersions: ReadonlyMap<string, string>;
}

/** A request names more resources than may be; nothing was made of its names. */
export class TooManyNames extends Error {
  override readonly name = "TooManyNames";
}

/** Reads a DiscoveryRequest. Throws TooManyNames, or something else if the bytes are no such message. */
export function decodeSotwRequest(bytes: Uint8Array, maxNames: number = Number.POSITIVE_INFINITY): SotwRequest {
  const reader = new BinaryReader(bytes);
  const names: Uint8Array[] = [];
  const request = { ...emptyCommon(), versionInfo: "" };
  while (reader.pos < reader.len) {
    if (names.length > maxNames) throw new TooManyNames();
    const start = reader.pos;
    const [field, type] = reader.tag();
    if (field === 1) request.versionInfo = reader.string();
    else if (field === 2) request.node = decodeNode(reader.bytes());
    else if (field === 3) {
      reader.skip(type, field);
      names.push(bytes.subarray(start, reader.pos));
    } else if (field === 4) request.typeUrl = reader.string();
    else if (field === 5) request.responseNonce = reader.string();
    else if (field === 6) request.errorDetail = decodeStatus(reader.bytes());
    else reader.skip(type, field);
  }
  return { ...request, resourceNames: nameList(joinAdjacent(bytes, names)) };
}

/** Reads who sends a request of either form; undefined if it doesn't say. Throws if the bytes are no such message. */
export function decodeRequestNode(mode: "sotw" | "delta", bytes: Uint8Array): XdsNode | undefined {
  const nodeField = mode === "sotw" ? 2 : 1;
  let node: XdsNode | undefined;
  readFields(bytes, (reader, field) => {
    if (field !== nodeField) return false;
    node = decodeNode(reader.bytes());
    return true;
  });
  return node;
}

/** Reads a DeltaDiscoveryRequest. Throws TooManyNames, or something else if the bytes are no such message. */
export function decodeDeltaRequest(bytes: Uint8Array, maxNames: number = Number.POSITIVE_INFINITY): DeltaRequest {
  const reader = new BinaryReader(bytes);
  const request = { ...emptyCommon() };
  const subscribe: string[] = [];
  const unsubscribe: string[] = [];
  const initialResourceVersions = new Map<string, string>();
  while (reader.pos < reader.len) {
    if (Math.max(subscribe.length, unsubscribe.length, initialResourceVersions.size) > maxNames)
      throw new TooManyNames();
    const [field, type] = reader.tag();
    if (field === 1) request.node = decodeNode(reader.bytes());
    else if (field === 2) request.typeUrl = reader.string();
    else if (field === 3) subscribe.push(reader.string());
    else if (field === 4) unsubscribe.push(reader.string());
    else if (field === 5) initialResourceVersions.set(...decodeStringPair(reader.bytes()));
    else if (field === 6) request.responseNonce = reader.string();
    else if (field === 7) request.errorDetail = decodeStatus(reader.bytes());
    else reader.skip(type, field);
  }
  return { ...request, subscribe, unsubscribe, initialResourceVersions };
}

export interface ResponseFields {
  readonly typeUrl: string;
  readonly version: string;
  readonly nonce: string;
  readonly resources: readonly XdsResource[];
  /** Said to live on, or not to be there. Default: none. */
  readonly bare?: readonly BareResource[] | undefined;
  /** control_plane.identifier */
  readonly controlPlane: string;
}

/** Writes a DiscoveryResponse. Resources with a lifetime are wrapped, which not every client understands, if `lifetimes` says so. */
export function encodeSotwResponse(fields: ResponseFields & { readonly lifetimes?: boolean | undefined }): Buffer {
  const frame = new BinaryWriter();
  frame.tag(1, WireType.LengthDelimited).string(fields.version);
  frame.tag(4, WireType.LengthDelimited).string(fields.typeUrl);
  frame.tag(5, WireType.LengthDelimited).string(fields.nonce);
  writeControlPlane(frame, 6, fields.controlPlane);
  for (const bare of fields.bare ?? []) frame.raw(bareResource(bare, "sotw"));
  const headerOf = (resource: XdsResource) =>
    fields.lifetimes === true && resource.ttlMs !== undefined ? wrappedHeader : sotwHeader;
  return concatenate(frame.finish(), fields.resources, headerOf);
}

/** Writes a DeltaDiscoveryResponse. */
export function encodeDeltaResponse(fields: ResponseFields & { readonly removed: readonly string[] }): Buffer {
  const frame = new BinaryWriter();
  frame.tag(1, WireType.LengthDelimited).string(fields.version);
  frame.tag(4, WireType.LengthDelimited).string(fields.typeUrl);
  frame.tag(5, WireType.LengthDelimited).string(fields.nonce);
  for (const name of fields.removed) frame.tag(6, WireType.LengthDelimited).string(name);
  writeControlPlane(frame, 7, fields.controlPlane);
  for (const bare of fields.bare ?? []) frame.raw(bareResource(bare, "delta"));
  return concatenate(frame.finish(), fields.resources, () => deltaHeader);
}

/** The frame's fields first, then each resource: its header, then the bytes it shares with all other responses. */
function concatenate(
  frame: Uint8Array,
  resources: readonly XdsResource[],
  headerOf: (resource: XdsResource) => Header,
): Buffer {
  let size = frame.length;
  for (const resource of resources) size += sizeInResponse(headerOf(resource), resource);
  const body = Buffer.allocUnsafe(size);
  body.set(frame);
  let offset = frame.length;
  for (const resource of resources) {
    offset = writeHeader(headerOf(resource), body, offset, resource);
    for (const part of resource.parts) {
      for (const { bytes } of piecesOf(part)) {
        body.set(bytes, offset);
        offset += bytes.length;
      }
    }
  }
  return body;
}

function writeControlPlane(frame: BinaryWriter, field: number, identifier: string): void {
  frame.tag(field, WireType.LengthDelimited).fork();
  frame.tag(1, WireType.LengthDelimited).string(identifier).join();
}

function emptyCommon(): { -readonly [K in keyof CommonRequest]: CommonRequest[K] } {
  return { node: undefined, typeUrl: "", responseNonce: "", errorDetail: undefined };
}

/** Adjacent pieces of one buffer need no copy. */
function joinAdjacent(bytes: Uint8Array, pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  if (first === undefined) return bytes.subarray(0, 0);
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const start = first.byteOffset - bytes.byteOffset;
  const last = pieces[pieces.length - 1] ?? first;
  const adjacent = last.byteOffset + last.length - first.byteOffset === size;
  return adjacent ? bytes.subarray(start, start + size) : Buffer.concat(pieces);
}

/** `fields` holds nothing but fields of one number, each a string. */
function nameList(fields: Uint8Array): NameList {
  return {
    digest: fields.length === 0 ? "" : hash("sha256", fields, "base64"),
    decode() {
      const names: string[] = [];
      const reader = new BinaryReader(fields);
      while (reader.pos < reader.len) {
        reader.tag();
        names.push(reader.string());
      }
      return names;
    },
  };
}

/** A refusal's text is for people; it is remembered, and shown. */
const MAX_MESSAGE = 64 * 1024;

function decodeStatus(bytes: Uint8Array): ErrorDetail {
  let code = 0;
  let message = "";
  readFields(bytes, (reader, field) => {
    if (field === 1) code = reader.int32();
    else if (field === 2) message = reader.string().slice(0, MAX_MESSAGE);
    else return false;
    return true;
  });
  return { code, message };
}

/** Envoy's has some 50 KiB. What is made of one takes many times its bytes. */
const MAX_NODE_BYTES = 1024 * 1024;

function decodeNode(bytes: Uint8Array): XdsNode {
  if (bytes.length > MAX_NODE_BYTES) throw new Error(`node is longer than ${MAX_NODE_BYTES} bytes`);
  const node = { id: "", cluster: "", metadata: {}, userAgentName: "", userAgentVersion: "" };
  let metadata: Record<string, unknown> = {};
  let locality: XdsNode["locality"];
  const clientFeatures: string[] = [];
  readFields(bytes, (reader, field) => {
    if (field === 1) node.id = reader.string();
    else if (field === 2) node.cluster = reader.string();
    else if (field === 3) metadata = decodeStruct(reader.bytes(), 0);
    else if (field === 4) locality = decodeLocality(reader.bytes());
    else if (field === 6) node.userAgentName = reader.string();
    else if (field === 7) node.userAgentVersion = reader.string();
    else if (field === 8) node.userAgentVersion = decodeBuildVersion(reader.bytes());
    else if (field === 10) clientFeatures.push(reader.string());
    else return false;
    return true;
  });
  return { ...node, metadata, locality, clientFeatures };
}

function decodeLocality(bytes: Uint8Array): XdsNode["locality"] {
  const locality = { region: "", zone: "", subZone: "" };
  readFields(bytes, (reader, field) => {
    if (field === 1) locality.region = reader.string();
    else if (field === 2) locality.zone = reader.string();
    else if (field === 3) locality.subZone = reader.string();
    else return false;
    return true;
  });
  return locality;
}

/** envoy.config.core.v3.BuildVersion: a SemanticVersion of three numbers. */
function decodeBuildVersion(bytes: Uint8Array): string {
  const numbers = [0, 0, 0];
  readFields(bytes, (reader, field) => {
    if (field !== 1) return false;
    readFields(reader.bytes(), (inner, part) => {
      if (part < 1 || part > 3) return false;
      numbers[part - 1] = inner.uint32();
      return true;
    });
    return true;
  });
  return numbers.join(".");
}

// A client decides how deep its metadata nests; protobuf implementations stop at 100 as well.
const MAX_DEPTH = 100;

function decodeStruct(bytes: Uint8Array, depth: number): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw new Error(`node.metadata nests deeper than ${MAX_DEPTH} levels`);
  // No prototype: a field called __proto__ is then a field like any other.
  const struct: Record<string, unknown> = Object.create(null);
  readFields(bytes, (reader, field) => {
    if (field !== 1) return false;
    let key = "";
    let value: unknown = null;
    readFields(reader.bytes(), (entry, part) => {
      if (part === 1) key = entry.string();
      else if (part === 2) value = decodeValue(entry.bytes(), depth);
      else return false;
      return true;
    });
    struct[key] = value;
    return true;
  });
  return struct;
}

function decodeValue(bytes: Uint8Array, depth: number): unknown {
  let value: unknown = null;
  readFields(bytes, (reader, field) => {
    if (field === 1) reader.int32();
    else if (field === 2) value = reader.double();
    else if (field === 3) value = reader.string();
    else if (field === 4) value = reader.bool();
    else if (field === 5) value = decodeStruct(reader.bytes(), depth + 1);
    else if (field === 6) value = decodeList(reader.bytes(), depth + 1);
    else return false;
    return true;
  });
  return value;
}

function decodeList(bytes: Uint8Array, depth: number): unknown[] {
  if (depth > MAX_DEPTH) throw new Error(`node.metadata nests deeper than ${MAX_DEPTH} levels`);
  const values: unknown[] = [];
  readFields(bytes, (reader, field) => {
    if (field !== 1) return false;
    values.push(decodeValue(reader.bytes(), depth));
    return true;
  });
  return values;
}

function decodeStringPair(bytes: Uint8Array): [key: string, value: string] {
  let key = "";
  let value = "";
  readFields(bytes, (reader, field) => {
    if (field === 1) key = reader.string();
    else if (field === 2) value = reader.string();
    else return false;
    return true;
  });
  return [key, value];
}

/** Calls `read` with each field; it returns false, having read nothing, for one that it doesn't know. */
function readFields(bytes: Uint8Array, read: (reader: BinaryReader, field: number) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (!read(reader, field)) reader.skip(type, field);
  }
}
