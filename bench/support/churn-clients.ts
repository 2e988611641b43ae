// Run as a program: plays M Envoys that take clusters, listeners, scopes and N route tables by delta, and acknowledge everything. They have to cost
// far less than the server that they measure, with which they share the processors: bare HTTP/2, one connection each, nothing of a resource is
// decoded, only its bytes searched for markers. Usage: node churn-clients.ts PORT M N TABLE_PREFIX
import { fork } from "node:child_process";
import { type ClientHttp2Stream, connect } from "node:http2";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { typeUrls } from "../../src/xds/index.ts";
import { encodeAsk } from "../../test/xds/support/messages.ts";

/** What a change's number follows, as a route's new path. */
export const MARKER = "/mk-";
/** Milliseconds by a clock that all processes of a machine share. */
export const sharedClock = (): number => Number(process.hrtime.bigint()) / 1e6;

const DELTA = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const ROLE = "gloo-system~gateway-proxy";
const WINDOW = 64 * 1024 * 1024;
/** Milliseconds for which acknowledgements are gathered before they are told. */
const REPORT_MS = 20;

/** A change, and when the last client had acknowledged it, by `sharedClock`. */
type Acked = readonly [change: number, at: number];

/** Plays the clients in a process of their own. Resolves when all of them have everything. */
export async function startChurnClients(
  { port, clients, tables, tablePrefix }: ChurnClientsOptions,
  onAcked: (change: number, at: number) => void,
) {
  const child = fork(import.meta.filename, [`${port}`, `${clients}`, `${tables}`, tablePrefix]);
  const ready = Promise.withResolvers<void>();
  child.once("exit", (code, signal) => ready.reject(new Error(`the clients have ended: ${signal ?? code}`)));
  child.on("message", (message: "ready" | readonly Acked[]) => {
    if (message === "ready") ready.resolve();
    else for (const [change, at] of message) onAcked(change, at);
  });
  await ready.promise;
  return { pid: child.pid ?? -1, stop: () => void child.kill() };
}

export interface ChurnClientsOptions {
  readonly port: number;
  readonly clients: number;
  /** Route tables, named by the prefix and their number. A change's table is its own number modulo this. */
  readonly tables: number;
  readonly tablePrefix: string;
}

if (process.argv[1] === import.meta.filename) {
  const [port = 0, clients = 0, tables = 0] = process.argv.slice(2, 5).map(Number);
  const names = Array.from({ length: tables }, (_, index) => `${process.argv[5]}${index}`);
  /** By change: clients that have acknowledged it. */
  const counts: number[] = [];
  let acked: Acked[] = [];
  const deliver = (change: number): void => {
    counts[change] = (counts[change] ?? 0) + 1;
    if (counts[change] === clients) acked.push([change, sharedClock()]);
  };
  process.once("disconnect", () => process.exit());
  await Promise.all(Array.from({ length: clients }, () => follow(port, names, deliver)));
  process.send?.("ready");
  setInterval(() => {
    if (acked.length > 0) process.send?.(acked);
    acked = [];
  }, REPORT_MS);
}

/** One client. Resolves when it has everything. */
async function follow(port: number, tables: readonly string[], deliver: (change: number) => void): Promise<void> {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: WINDOW } });
  session.once("connect", () => session.setLocalWindowSize(WINDOW));
  const headers = { ":method": "POST", ":path": DELTA, "content-type": "application/grpc", te: "trailers" };
  const stream = session.request(headers, { endStream: false });
  const complete = Promise.withResolvers<void>();
  session.once("error", complete.reject);
  stream.once("error", complete.reject);
  stream.once("close", () => complete.reject(new Error("the server ended a stream")));
  const node = { id: `churn-${process.pid}`, metadata: { role: ROLE } };
  for (const typeUrl of [typeUrls.cluster, typeUrls.listener, typeUrls.scopedRoute])
    stream.write(framed(encodeAsk("delta", { typeUrl, node })));
  stream.write(framed(encodeAsk("delta", { typeUrl: typeUrls.route, subscribe: tables })));
  let held = 0;
  /** By table: the change that comes next. What a newer one of the same table has replaced counts as delivered with it. */
  const due = Int32Array.from(tables, (_, index) => index);
  readFrames(stream, (message) => {
    const { typeUrl, nonce, resources } = scan(message);
    stream.write(acknowledgement(typeUrl, nonce));
    if (typeUrl !== typeUrls.route) return;
    held += resources;
    if (held >= tables.length) complete.resolve();
    for (const change of markers(message)) {
      const table = change % tables.length;
      for (let one = due[table] ?? 0; one <= change; one += tables.length) deliver(one);
      due[table] = change + tables.length;
    }
  });
  await complete.promise;
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
function scan(message: Buffer) {
  const reader = new BinaryReader(message);
  const found = { typeUrl: "", nonce: "", resources: 0 };
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

function* markers(message: Buffer): Generator<number> {
  for (let at = message.indexOf(MARKER); at >= 0; at = message.indexOf(MARKER, at)) {
    at += MARKER.length;
    let change = 0;
    for (let digit = message[at] ?? 0; digit >= 0x30 && digit <= 0x39; digit = message[++at] ?? 0)
      change = 10 * change + digit - 0x30;
    yield change;
  }
}
