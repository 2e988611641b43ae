import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type XdsResource, resourceSize } from "./cache/resource.ts";

/** A `Resource` of discovery.proto without content: what it names lives on (with the version it has and a lifetime), or isn't there. */
export interface BareResource {
  readonly name: string;
  readonly version: string;
  readonly ttlMs?: number | undefined;
  /** Names that were asked for and that this one answers. */
  readonly aliases?: readonly string[] | undefined;
}

const RESOURCE_TYPE = "type.googleapis.com/envoy.service.discovery.v3.Resource";

/** What precedes a resource's own bytes in a response. Written anew each time: kept, it would take more memory than many a resource. */
export interface Header {
  /** Bytes of header and resource, less the field that they are in. @param any bytes of the Any that holds the resource */
  size(resource: XdsResource, any: number): number;
  /** Writes it, up to the Any. Returns where that begins. */
  write(body: Buffer, at: number, resource: XdsResource, any: number): number;
}

/** In a DiscoveryResponse: an Any. */
export const sotwHeader: Header = {
  size: (_resource, any) => any,
  write: (_body, at) => at,
};

/** In a DeltaDiscoveryResponse: a `Resource` of version, name, lifetime and, last, an Any. */
export const deltaHeader: Header = {
  size: ({ version, name, ttlMs }, any) =>
    textSize(version) + textSize(name) + ttlField(ttlMs).length + 1 + varintSize(any) + any,
  write(body, at, { version, name, ttlMs }, any) {
    let next = writeText(body, writeText(body, at, TAG_1, version), TAG_3, name);
    const ttl = ttlField(ttlMs);
    body.set(ttl, next);
    next += ttl.length;
    return writeLength(body, next, TAG_2, any);
  },
};

/** In a DiscoveryResponse, an Any that holds a `Resource`, which tells a lifetime; needs the client feature `xds.config.supports-resource-in-sotw`. */
export const wrappedHeader: Header = {
  size(resource, any) {
    const inner = deltaHeader.size(resource, any);
    return textSize(RESOURCE_TYPE) + 1 + varintSize(inner) + inner;
  },
  write(body, at, resource, any) {
    const inner = writeLength(body, writeText(body, at, TAG_1, RESOURCE_TYPE), TAG_2, deltaHeader.size(resource, any));
    return deltaHeader.write(body, inner, resource, any);
  },
};

/** Bytes that a resource takes in a response, with tag and length. */
export function sizeInResponse(header: Header, resource: XdsResource): number {
  const size = header.size(resource, anySize(resource));
  return 1 + varintSize(size) + size;
}

/** Writes a resource into a response, as field 2: all up to its own bytes. Returns where those begin. */
export function writeHeader(header: Header, body: Buffer, at: number, resource: XdsResource): number {
  const any = anySize(resource);
  let next = writeLength(body, at, TAG_2, header.size(resource, any));
  next = header.write(body, next, resource, any);
  next = writeText(body, next, TAG_1, resource.typeUrl);
  return writeLength(body, next, TAG_2, resourceSize(resource));
}

/** Length-delimited fields of these numbers. */
const TAG_1 = 0x0a;
const TAG_2 = 0x12;
const TAG_3 = 0x1a;

/** Of a google.protobuf.Any that holds the resource. */
function anySize(resource: XdsResource): number {
  const size = resourceSize(resource);
  return textSize(resource.typeUrl) + 1 + varintSize(size) + size;
}

/** Of a field of text with tag and length. */
function textSize(text: string): number {
  const length = Buffer.byteLength(text);
  return 1 + varintSize(length) + length;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
  return size;
}

function writeText(body: Buffer, at: number, tag: number, text: string): number {
  const next = writeLength(body, at, tag, Buffer.byteLength(text));
  return next + body.write(text, next);
}

function writeLength(body: Buffer, at: number, tag: number, length: number): number {
  let next = at;
  body[next++] = tag;
  let rest = length;
  for (; rest > 127; rest = Math.floor(rest / 128)) body[next++] = (rest % 128) | 128;
  body[next++] = rest;
  return next;
}

const NO_BYTES = new Uint8Array(0);
const ttlField = (ttlMs: number | undefined): Uint8Array =>
  ttlMs === undefined ? NO_BYTES : writeTtl(new BinaryWriter(), ttlMs).finish();

/** A resource without content, as field 2 of a response. */
export function bareResource(resource: BareResource, mode: "sotw" | "delta"): Uint8Array {
  const inner = describeResource(resource).finish();
  if (mode === "delta") return field(2, inner, 0);
  return field(2, join(anyHeader(RESOURCE_TYPE, inner.length), inner), 0);
}

function describeResource({ name, version, ttlMs, aliases }: BareResource): BinaryWriter {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).string(version);
  writer.tag(3, WireType.LengthDelimited).string(name);
  for (const alias of aliases ?? []) writer.tag(4, WireType.LengthDelimited).string(alias);
  return ttlMs === undefined ? writer : writeTtl(writer, ttlMs);
}

/** google.protobuf.Duration as field 6. */
function writeTtl(writer: BinaryWriter, ttlMs: number): BinaryWriter {
  writer.tag(6, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Varint).int64(Math.floor(ttlMs / 1000));
  writer.tag(2, WireType.Varint).int32((ttlMs % 1000) * 1_000_000);
  return writer.join();
}

/** Tag and length of a field of `start` and `more` further bytes, and `start`. */
function field(number: number, start: Uint8Array, more: number): Uint8Array {
  return new BinaryWriter()
    .tag(number, WireType.LengthDelimited)
    .uint32(start.length + more)
    .raw(start)
    .finish();
}

/** google.protobuf.Any up to its value's bytes. */
function anyHeader(typeUrl: string, valueSize: number): Uint8Array {
  const any = new BinaryWriter();
  any.tag(1, WireType.LengthDelimited).string(typeUrl);
  any.tag(2, WireType.LengthDelimited).uint32(valueSize);
  return any.finish();
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  return new BinaryWriter().raw(first).raw(second).finish();
}
