import { type ClientHttp2Stream, connect } from "node:http2";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { encodeAsk } from "./messages.ts";

const DELTA = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const WINDOW = 64 * 1024 * 1024;

export interface AdsResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  /** How many. */
  readonly resources: number;
  /** The whole message. */
  readonly bytes: Buffer;
}

/** A client's delta stream of all types that acknowledges everything, at once, and costs as little as can be: bare HTTP/2, nothing decoded. */
export interface AdsStream {
  /** Without names: to everything. */
  subscribe(typeUrl: string, names?: readonly string[]): void;
  close(): void;
}

/** On a connection of its own. @param role of the node */
export function openAdsStream(
  port: number,
  role: string,
  { onResponse, onEnd }: { onResponse(response: AdsResponse): void; onEnd(error: Error): void },
): AdsStream {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: WINDOW } });
  session.once("connect", () => session.setLocalWindowSize(WINDOW));
  const headers = { ":method": "POST", ":path": DELTA, "content-type": "application/grpc", te: "trailers" };
  const stream = session.request(headers, { endStream: false });
  session.once("error", onEnd);
  stream.once("error", onEnd);
  stream.once("close", () => onEnd(new Error("the stream has ended")));
  readFrames(stream, (message) => {
    const response = scan(message);
    stream.write(acknowledgement(response.typeUrl, response.nonce));
    onResponse(response);
  });
  const node = { id: `bench-${process.pid}`, metadata: { role } };
  return {
    subscribe: (typeUrl, names = []) =>
      void stream.write(framed(encodeAsk("delta", { typeUrl, subscribe: names, node }))),
    close: () => session.destroy(),
  };
}

/** gRPC's framing: no compression, length, message. */
function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(5 + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

function readFrames(stream: ClientHttp2Stream, onMessage: (message: Buffer) => void): void {
  let parts: Buffer[] = [];
  let size = 0;
  stream.on("data", (part: Buffer) => {
    parts.push(part);
    size += part.length;
    let rest = parts[0] as Buffer;
    // Put together only once a whole message is there.
    const joined = (): Buffer => (rest = parts.length > 1 ? Buffer.concat(parts) : rest);
    if (rest.length < 5) joined();
    if (rest.length < 5 || size < 5 + rest.readUInt32BE(1)) {
      if (parts.length > 1 && rest !== parts[0]) parts = [rest];
      return;
    }
    joined();
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const end = 5 + rest.readUInt32BE(1);
      onMessage(rest.subarray(5, end));
      rest = rest.subarray(end);
    }
    parts = rest.length > 0 ? [rest] : [];
    size = rest.length;
  });
}

/** What a client needs of a DeltaDiscoveryResponse: type_url (4), nonce (5), and how many resources (2). */
function scan(bytes: Buffer): AdsResponse {
  const reader = new BinaryReader(bytes);
  const found = { typeUrl: "", nonce: "", resources: 0, bytes };
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 4) found.typeUrl = reader.string();
    else if (field === 5) found.nonce = reader.string();
    else {
      if (field === 2) found.resources++;
      reader.skip(type, field);
    }
  }
  return found;
}

function acknowledgement(typeUrl: string, nonce: string): Buffer {
  const writer = new BinaryWriter();
  writer.tag(2, WireType.LengthDelimited).string(typeUrl);
  writer.tag(6, WireType.LengthDelimited).string(nonce);
  return framed(writer.finish());
}
