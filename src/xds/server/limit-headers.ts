import type { Server } from "@grpc/grpc-js";

/** Of one stream; a client needs some ten. */
const MAX_HEADERS = 64;
/** Of one stream, names and values uncompressed: a token fits, and nobody needs more. */
const MAX_HEADER_BYTES = 32 * 1024;

/**
 * Limits what a client may send as headers: HTTP/2 lets it name a long one of an earlier stream by a byte, again and again. To be called before the
 * server has connections. The bytes hold once the client has confirmed its settings, the number holds at once.
 */
export function limitHeaders(server: Server): void {
  // The library has no public option for them; what it hands on to HTTP/2 it keeps here. hostile-defaults.test.ts sees whether both arrive.
  const options: { settings?: object; maxHeaderListPairs?: number } = server["commonServerOptions"];
  options.maxHeaderListPairs = MAX_HEADERS;
  options.settings = { ...options.settings, maxHeaderListSize: MAX_HEADER_BYTES };
}
