import { type ClientHttp2Stream, connect } from "node:http2";
import { type Ask, encodeAsk } from "./messages.ts";

/** A client without a gRPC library, which would read ahead: it reads nothing that it isn't asked to, and writes anything. */
export interface RawClient extends AsyncDisposable {
  readonly stream: ClientHttp2Stream;
  send(ask: Ask): void;
  /** Bytes as they are. */
  write(bytes: Uint8Array): void;
  /** Another stream on the same connection, with more headers. */
  open(headers?: Readonly<Record<string, string>>): RawClient;
  /** When the connection has ended. */
  readonly closed: Promise<void>;
}

/** A gRPC message: not compressed, so many bytes long. */
export function frame(body: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

/** @param path a method of ADS, or a whole path */
export function connectRaw(port: number, path = "DeltaAggregatedResources"): RawClient {
  const session = connect(`http://127.0.0.1:${port}`);
  const closed = new Promise<void>((resolve) => session.once("close", resolve));
  session.on("error", () => {});
  const open = (headers: Readonly<Record<string, string>> = {}): RawClient => {
    const stream = session.request({
      ":method": "POST",
      ":path": path.startsWith("/") ? path : `/envoy.service.discovery.v3.AggregatedDiscoveryService/${path}`,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.on("error", () => {});
    return {
      stream,
      send: (ask) => void stream.write(frame(encodeAsk("delta", { node: { id: "raw" }, ...ask }))),
      write: (bytes) => void stream.write(bytes),
      open,
      closed,
      async [Symbol.asyncDispose]() {
        session.destroy();
        await closed;
      },
    };
  };
  return open();
}
