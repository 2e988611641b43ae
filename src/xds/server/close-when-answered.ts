import type { Http2Stream } from "node:http2";
import type { ServerDuplexStream } from "@grpc/grpc-js";

/** What grpc-js has a call on; it isn't part of its types. */
interface OnHttp2 {
  readonly call?: { readonly stream?: Http2Stream };
}

/**
 * Closes the HTTP/2 stream of a call once its status is sent. grpc-js ends its own half only: a client that never ends the other one would keep the
 * stream, and all that hangs on it, in memory, beyond any limit, since for the server the call is over. (RFC 9113, 8.1: after a complete
 * response a server may stop the rest of the request by RST_STREAM with NO_ERROR; gRPC's other servers do.)
 */
export function closeWhenAnswered(call: ServerDuplexStream<Buffer, Buffer>): void {
  call.once("cancelled", () => setImmediate(() => (call as OnHttp2).call?.stream?.close()));
}
