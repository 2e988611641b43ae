import type { Any } from "./api.ts";

/** Wraps an encoded message of Envoy's API. `typeName` is its full protobuf name. */
export function packAny(typeName: string, encoded: { finish(): Uint8Array }): Any {
  const bytes = encoded.finish();
  return {
    typeUrl: `type.googleapis.com/${typeName}`,
    value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  };
}
