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

/** Makes a header when its resource is first sent; then it is shared. */
function once(make: (resource: XdsResource) => Uint8Array): (resource: XdsResource) => Uint8Array {
  const made = new WeakMap<XdsResource, Uint8Array>();
  return (resource) => {
    let header = made.get(resource);
    if (header === undefined) {
      header = make(resource);
      made.set(resource, header);
    }
    return header;
  };
}

/** What precedes a resource's own bytes in a DiscoveryResponse: field 2, an Any. */
export const sotwHeader = once((resource) => {
  const size = resourceSize(resource);
  return field(2, anyHeader(resource.typeUrl, size), size);
});

/** The same, but the Any holds a `Resource`, which tells a lifetime; needs the client feature `xds.config.supports-resource-in-sotw`. */
export const wrappedHeader = once((resource) => {
  const size = resourceSize(resource);
  const inner = resourceFields(resource, size);
  return field(2, join(anyHeader(RESOURCE_TYPE, inner.length + size), inner), size);
});

/** The same for a DeltaDiscoveryResponse: field 2, a `Resource` of name, version, lifetime and, last, an Any. */
export const deltaHeader = once((resource) => {
  const size = resourceSize(resource);
  return field(2, resourceFields(resource, size), size);
});

/** A resource without content, as field 2 of a response. */
export function bareResource(resource: BareResource, mode: "sotw" | "delta"): Uint8Array {
  const inner = describeResource(resource).finish();
  if (mode === "delta") return field(2, inner, 0);
  return field(2, join(anyHeader(RESOURCE_TYPE, inner.length), inner), 0);
}

function resourceFields(resource: XdsResource, size: number): Uint8Array {
  const any = anyHeader(resource.typeUrl, size);
  return describeResource(resource)
    .tag(2, WireType.LengthDelimited)
    .uint32(any.length + size)
    .raw(any)
    .finish();
}

function describeResource({ name, version, ttlMs, aliases }: BareResource): BinaryWriter {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).string(version);
  writer.tag(3, WireType.LengthDelimited).string(name);
  for (const alias of aliases ?? []) writer.tag(4, WireType.LengthDelimited).string(alias);
  if (ttlMs === undefined) return writer;
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
