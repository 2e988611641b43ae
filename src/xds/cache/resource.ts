import { hash } from "node:crypto";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { packed } from "./packed-bytes.ts";

/** Bytes that several parts may share. */
export interface XdsPiece {
  readonly bytes: Uint8Array;
  /** Hash of the bytes, in hex. Computed once, so that changing one piece of a thousand doesn't hash the others again. */
  readonly digest: string;
}

/**
 * A part of an encoded protobuf message. Messages concatenate, so the bytes of all parts in order are the message. Of a joined part, whose
 * digest is over those of its pieces, `bytes` are put together each time they are asked for.
 */
export interface XdsPart extends XdsPiece {
  /** What the part came from, opaque to this layer: it names the user's resource when a proxy refuses the part. */
  readonly origin?: string | undefined;
  /** The pieces of a joined part, in order. A single one means nothing to a proxy. */
  readonly pieces?: readonly XdsPiece[] | undefined;
}

/** Names one resource of one type. */
export interface XdsResourceName {
  readonly typeUrl: string;
  readonly name: string;
}

/** An immutable, encoded resource. Its bytes are shared by all streams that send it. */
export interface XdsResource extends XdsResourceName {
  /**
   * Hash of name and content, 128 bits in hex: the same on every replica and after every restart, so that a reconnecting client is sent
   * only what differs. A resource cut into other parts has another version.
   */
  readonly version: string;
  readonly parts: readonly XdsPart[];
  /**
   * Sent again, to streams subscribed to them, after a change of this resource was sent: Envoy warms a changed cluster until it gets its
   * assignment anew, although that hasn't changed (envoyproxy/envoy#13009).
   */
  readonly resendWith: readonly XdsResourceName[];
  /**
   * A client that knows of lifetimes deletes the resource after so many milliseconds without a word from its server; while streams are
   * open, the server sends one in time. Undefined: it stays for ever. The version tells it, too.
   */
  readonly ttlMs: number | undefined;
}

export interface XdsResourceOptions {
  readonly origin?: string | undefined;
  readonly resendWith?: readonly XdsResourceName[] | undefined;
  readonly ttlMs?: number | undefined;
}

/** Part of a message made of whole encoded fields, such as all fields but the virtual hosts of a route configuration. */
export function xdsPart(bytes: Uint8Array, origin?: string): XdsPart {
  return { bytes: packed(bytes), origin, digest: digest(bytes) };
}

/** Bytes with their digest, as pieces of parts. */
export const xdsPiece = (bytes: Uint8Array): XdsPiece => ({ bytes, digest: digest(bytes) });

/** Part from pieces that are cached elsewhere; costs a hash over their digests, not over their bytes. */
export function joinedPart(pieces: readonly XdsPiece[], origin?: string): XdsPart {
  return {
    get bytes() {
      return Buffer.concat(pieces.map((piece) => piece.bytes));
    },
    origin,
    digest: digest(pieces.map((piece) => piece.digest).join("")),
    pieces,
  };
}

/** The pieces of a part that has any; else the part itself. */
export const piecesOf = (part: XdsPart): readonly XdsPiece[] => part.pieces ?? [part];

/**
 * Part that is one element of a repeated message field (or a singular one): tag, length and `message`'s bytes.
 * `fieldPart(2, virtualHostBytes)` is a virtual host of a RouteConfiguration.
 */
export function fieldPart(fieldNumber: number, message: Uint8Array, origin?: string): XdsPart {
  return xdsPart(new BinaryWriter().tag(fieldNumber, WireType.LengthDelimited).bytes(message).finish(), origin);
}

/** A resource from its encoded message. `bytes` must not be changed afterwards. */
export function resourceFromBytes(
  typeUrl: string,
  name: string,
  bytes: Uint8Array,
  options: XdsResourceOptions = {},
): XdsResource {
  return resourceFromParts(typeUrl, name, [xdsPart(bytes, options.origin)], options);
}

/** A resource from parts that are cached elsewhere; costs a hash over their digests, not over their bytes. */
export function resourceFromParts(
  typeUrl: string,
  name: string,
  parts: readonly XdsPart[],
  options: Pick<XdsResourceOptions, "resendWith" | "ttlMs"> = {},
): XdsResource {
  const { resendWith = [], ttlMs } = options;
  // NUL separates: no resource name has one, and digests have a fixed length.
  const lifetime = ttlMs === undefined ? "" : `\0${ttlMs}`;
  const version = digest(`${name}\0${parts.map((part) => part.digest).join("")}${lifetime}`);
  return { typeUrl, name, version, parts, resendWith, ttlMs };
}

/** Length in bytes of the encoded message. */
export function resourceSize(resource: XdsResource): number {
  let size = 0;
  for (const part of resource.parts) for (const { bytes } of piecesOf(part)) size += bytes.length;
  return size;
}

/** Of the length of a digest. */
const scratch = Buffer.alloc(32);

/** A text of its own: a slice would keep the whole hash, and three times the memory. */
function digest(content: Uint8Array | string): string {
  scratch.write(hash("sha256", content, "hex"), "latin1");
  return scratch.toString("latin1");
}
