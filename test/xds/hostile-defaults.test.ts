import { readFile } from "node:fs/promises";
import { request as post } from "node:http";
import { constants } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { typeUrls } from "../../src/xds/index.ts";
import { createAuthority } from "../support/certificates.ts";
import { waitFor } from "../support/wait-for.ts";
import { encodeAsk } from "./support/messages.ts";
import { connectRaw, frame, type RawClient } from "./support/raw-client.ts";
import { pour, startTarget, type Target } from "./support/target.ts";

const { cluster: CDS, endpoint: EDS } = typeUrls;
const MIB = 1024 * 1024;
const LRS = "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats";
const CSDS = "/envoy.service.status.v3.ClientStatusDiscoveryService";
/** With EPOXY_LONG_TESTS each attack is four times as long; the bounds are the same. */
const times = process.env["EPOXY_LONG_TESTS"] === undefined ? 1 : 4;

/**
 * The limits are those that hold where nothing is said. What is on its way (requests of which a part has come, answers that nobody reads) may take
 * 768 MiB by them; all that is kept of clients is in V8's heap, which is made so small here that a server which keeps too much ends by it.
 */
const HEAP_MIB = 512;
const BOUND_MIB = 1024;
/** After the attack, what is left of it once its clients have gone and garbage is collected. */
const LEFT_MIB = 8;
/** Of an open stream that has said nothing, whatever its headers. */
const KEPT_OF_STREAM_MIB = 0.05;

let target: Target;
beforeAll(async () => {
  target = await startTarget({ nodeFlags: [`--max-old-space-size=${HEAP_MIB}`] });
  await target.honest();
});
afterAll(() => target[Symbol.asyncDispose]());

/** Ended with the attack. */
let clients: RawClient[] = [];
let sockets: Socket[] = [];

function attackers(count: number, path?: string): RawClient[] {
  const opened = Array.from({ length: count }, () => connectRaw(target.port, path));
  clients.push(...opened);
  return opened;
}

async function leave(): Promise<void> {
  for (const client of clients) await client[Symbol.asyncDispose]();
  for (const socket of sockets) socket.destroy();
  [clients, sockets] = [[], []];
}

async function connections(count: number, port: number, say: (socket: Socket) => void): Promise<Socket[]> {
  const opened = Array.from({ length: count }, () => connectTcp(port, "127.0.0.1").on("error", () => {}));
  sockets.push(...opened);
  await Promise.all(opened.map((socket) => new Promise((done) => socket.once("connect", done).once("close", done))));
  for (const socket of opened) say(socket);
  return opened;
}

const inBatches = async (count: number, size: number, one: (index: number) => Promise<unknown>): Promise<void> => {
  for (let from = 0; from < count; from += size) {
    await Promise.all(Array.from({ length: Math.min(size, count - from) }, (_, index) => one(from + index)));
  }
};

const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const field = (number: number, body: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(body.length)]), body]);
const text = (size: number, mark: string | number): Buffer => Buffer.from(`${mark}-`.padEnd(size, "x"));
const repeated = (piece: Uint8Array, bytes: number): Buffer => Buffer.alloc(bytes, piece);
const empty = (number: number, bytes: number): Buffer => repeated(field(number, Buffer.alloc(0)), bytes);
const node = (id: string, role = "ns~proxy"): Buffer => {
  const value = field(2, field(3, Buffer.from(role)));
  const metadata = field(1, Buffer.concat([field(1, Buffer.from("role")), value]));
  return Buffer.concat([field(1, Buffer.from(id)), field(3, metadata)]);
};
const report = (id: string, clusters: Uint8Array, role?: string): Buffer =>
  Buffer.concat([field(1, node(id, role)), clusters]);

/** Resolves when the server has ended the stream, or the answer has come. */
const settled = ({ stream }: RawClient): Promise<void> =>
  new Promise((done) => {
    for (const event of ["close", "data", "end"]) stream.once(event, () => done());
  });

/** A request that may not be answered: resolves when the server has taken it. */
async function send(client: RawClient, body: Uint8Array): Promise<void> {
  await pour(client, 1, frame(body));
}

async function ask(client: RawClient, body: Uint8Array): Promise<void> {
  const done = settled(client);
  await pour(client, 1, frame(body));
  await done;
  client.stream.close();
}

/** One stream after the other, each of one request. */
async function askEach(path: string, bodies: readonly Uint8Array[]): Promise<void> {
  const [client] = attackers(1, path);
  for (const body of bodies) await ask((client as RawClient).open(), body);
}

/** Posts, and reads the answer if it may. */
function poll(body: string | Buffer, read: boolean): Promise<unknown> {
  return new Promise((done) => {
    const outgoing = post(
      { port: target.restPort, method: "POST", path: "/v3/discovery:clusters", agent: false },
      (incoming) => {
        if (read) incoming.resume().once("close", () => done(incoming.statusCode));
        else done(incoming.statusCode);
      },
    );
    outgoing.once("socket", (socket) => sockets.push(socket)).once("error", done);
    outgoing.end(body);
  });
}

const attacks: Record<string, () => Promise<unknown>> = {
  "load reports of millions of localities, endpoints and clusters": async () => {
    const all = 4 * MIB - 100;
    const shapes = [
      field(2, empty(2, all)),
      field(2, field(2, empty(7, all))),
      empty(2, all),
      empty(2, 30 * MIB),
      field(2, empty(5, all)),
    ];
    for (let round = 0; round < times; round++)
      await askEach(
        LRS,
        shapes.map((it, index) => report(`n${index}`, it)),
      );
  },
  "clusters and roles that load reports make up, on stream after stream": async () => {
    await inBatches(8 * times, 4, async (stream) => {
      const [client] = attackers(1, LRS);
      const names = Array.from({ length: 10_000 }, (_, index) =>
        field(2, field(1, text(300, `${stream * 10_000 + index}`))),
      );
      const done = settled(client as RawClient);
      await pour(client as RawClient, 1, frame(report(`n${stream}`, Buffer.concat(names), `role${stream}`)));
      await done;
    });
  },
  "streams of load reports and client statuses without end": async () => {
    for (const path of [LRS, `${CSDS}/StreamClientStatus`]) {
      for (const client of attackers(5, path)) {
        for (let count = 0; count < 1_000 * times; count++) client.open().write(frame(Buffer.alloc(0)));
      }
    }
  },
  "client statuses asked for thousands of times, on many streams, and never read": async () => {
    const [crowd] = attackers(1) as [RawClient];
    const names = Array.from({ length: 20_000 }, (_, index) => `cluster-${index}`);
    const done = settled(crowd);
    await pour(crowd, 1, frame(encodeAsk("delta", { node: { id: "crowd" }, typeUrl: EDS, subscribe: names })));
    for (const path of [`${CSDS}/StreamClientStatus`, `${CSDS}/FetchClientStatus`]) {
      for (const client of attackers(2, path)) {
        for (let stream = 0; stream < 20 * times; stream++) {
          const one = client.open();
          for (let count = 0; count < 100; count++) one.write(frame(Buffer.alloc(0)));
        }
      }
    }
    crowd.send({ typeUrl: CDS });
    await done;
  },
  "matchers of nodes by the million": async () => {
    await askEach(`${CSDS}/StreamClientStatus`, [empty(1, 64 * 1024), empty(1, 30 * MIB), empty(1, 30 * MIB)]);
  },
  "hundreds of thousands of short names on each of many streams": async () => {
    const names = Array.from({ length: 150_000 }, (_, index) => field(3, Buffer.from(index.toString(36))));
    const body = Buffer.concat([field(1, node("n")), field(2, Buffer.from(EDS)), ...names]);
    const [client] = attackers(1) as [RawClient];
    await inBatches(5 * times, 5, () => send(client.open(), body));
  },
  "versions by the million that it says it has, of a role that doesn't exist": async () => {
    const pair = (index: number) => field(5, field(1, Buffer.from(index.toString(36))));
    const versions = Buffer.concat(Array.from({ length: 500_000 }, (_, index) => pair(index)));
    const bodies = Array.from({ length: 4 * times }, (_, index) =>
      Buffer.concat([field(1, node("n", `invented${index}`)), field(2, Buffer.from(CDS)), versions]),
    );
    await askEach("DeltaAggregatedResources", bodies);
  },
  "names by the million without a letter": async () => {
    const head = Buffer.concat([field(1, node("n")), field(2, Buffer.from(EDS))]);
    await askEach(
      "DeltaAggregatedResources",
      [3, 4].map((it) => Buffer.concat([head, empty(it, 30 * MIB)])),
    );
    const sotw = Buffer.concat([field(2, node("n")), field(4, Buffer.from(EDS)), empty(3, 30 * MIB)]);
    await askEach("StreamAggregatedResources", [sotw, sotw]);
  },
  "a node whose metadata are millions of small values, on each of many streams": async () => {
    const list = field(1, field(6, Buffer.alloc(0)));
    const metadataOf = (bytes: number) =>
      field(3, field(1, Buffer.concat([field(1, Buffer.from("a")), field(2, field(6, repeated(list, bytes)))])));
    const request = (bytes: number) => Buffer.concat([field(1, metadataOf(bytes)), field(2, Buffer.from(CDS))]);
    const [client] = attackers(1) as [RawClient];
    const body = request(1_000_000);
    await inBatches(40 * times, 10, () => send(client.open(), body));
    await send(client.open(), request(30 * MIB));
  },
  "headers as long as they may be, on thousands of streams that say nothing": async () => {
    for (const client of attackers(2)) {
      for (let stream = 0; stream < 300 * times; stream++) client.open({ junk: text(30_000, stream).toString() });
    }
  },
  "long bodies over REST that come slowly, on hundreds of connections": async () => {
    await connections(100 * times, target.restPort, (socket) => {
      socket.write(`POST /v3/discovery:clusters HTTP/1.1\r\nhost: a\r\ncontent-length: ${4 * MIB}\r\n\r\n`);
      socket.write(Buffer.alloc(3 * MIB));
    });
    await poll("{}", true);
  },
  "bodies over REST without end, by chunks": async () => {
    const opened = await connections(20, target.restPort, (socket) => {
      socket.write("POST /v3/discovery:clusters HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    });
    const chunk = Buffer.concat([Buffer.from("40000\r\n"), Buffer.alloc(0x40000), Buffer.from("\r\n")]);
    await Promise.all(opened.map((socket) => pour({ stream: socket } as never, 100 * MIB, chunk)));
  },
  "JSON over REST of a million small things, many at once": async () => {
    const list = (item: string) => `{"node":{"metadata":{"a":[${Array(400_000).fill(item).join()}]}}}`;
    const deep = `{"node":{"metadata":{"a":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}}}`;
    const nodes = `{"node":{"clientFeatures":[${Array(1_000_000).fill('""').join()}]}}`;
    const bodies = [list("[]"), list("{}"), deep, nodes];
    for (const body of bodies) await inBatches(2 * times, 2, () => poll(body, true));
  },
  "the same and other answers over REST, by many polls at once that are never read": async () => {
    const body = (names: readonly string[]) =>
      JSON.stringify({ node: { id: "n", metadata: { role: "ns~rest" } }, resourceNames: names });
    await inBatches(600 * times, 100, (index) => poll(body(index % 2 === 0 ? ["shop"] : ["shop", `${index}`]), false));
  },
  "connections that say nothing, or half of the head of a request": async () => {
    await connections(500 * times, target.port, () => {});
    await connections(500 * times, target.restPort, (socket) =>
      socket.write(`POST / HTTP/1.1\r\na: ${text(15_000, 1).toString()}`),
    );
  },
};

describe("by the limits that hold where nothing is said", () => {
  test.each(Object.keys(attacks))(
    "%s don't exhaust memory, others are served, and nothing is left of it",
    async (name) => {
      const before = await target.held();
      const grown = await target.growth(async () => {
        await attacks[name]?.();
        await target.honest();
      });
      expect(target.child.ended()).toBeUndefined();
      expect(grown).toBeLessThan(BOUND_MIB);
      await leave();
      await waitFor(async () => (await target.held()) - before < LEFT_MIB, { timeout: 15_000 });
      expect(target.said().filter((line) => !line.startsWith("holds "))).toEqual([]);
    },
  );

  test("headers, of which a library makes ten thousands of small values, are forgotten while their streams are open", async () => {
    const before = await target.held();
    const [client] = attackers(1) as [RawClient];
    const paths = ["DeltaAggregatedResources", LRS, `${CSDS}/StreamClientStatus`];
    const streams = paths.flatMap((path) => {
      const [{ open }] = path === paths[0] ? [client] : (attackers(1, path) as [RawClient]);
      return Array.from({ length: 20 }, () => open({ "junk-bin": ",".repeat(30_000) }));
    });
    await target.honest();
    const grown = (await target.held()) - before;
    expect(streams.filter(({ stream }) => stream.closed)).toEqual([]);
    expect(grown).toBeLessThan(streams.length * KEPT_OF_STREAM_MIB);
    await leave();
  });

  test.each([
    ["more than 32 KiB of headers", { junk: text(34_000, 1).toString() }],
    ["more than 64 headers", Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`h${index}`, "1"]))],
  ])("a stream with %s isn't opened, and others of the connection are", async (_, headers) => {
    const [client] = attackers(1) as [RawClient];
    // A stream that has been answered: by then both sides have each other's settings.
    await ask(client.open(), encodeAsk("delta", { node: { id: "n" }, typeUrl: CDS }));
    const { stream } = client.open(headers);
    await new Promise((done) => stream.once("close", done));
    expect(stream.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    await ask(client.open(), encodeAsk("delta", { node: { id: "n" }, typeUrl: CDS }));
    await leave();
  });

  test("half of a TLS handshake on hundreds of connections doesn't keep others out", async () => {
    await using authority = await createAuthority();
    const { cert, key } = await authority.issue("server");
    await using secured = await startTarget({ tls: { certFile: cert, keyFile: key } });
    const grown = await secured.growth(async () => {
      // The head of a record that promises 512 bytes of a ClientHello.
      const opened = await connections(500 * times, secured.port, (socket) => {
        socket.write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]));
      });
      const ca = await readFile(authority.ca);
      await secured.honest(credentials.createSsl(ca));
      expect(opened.filter((socket) => socket.destroyed)).toEqual([]);
    });
    expect(grown).toBeLessThan(BOUND_MIB / 4);
    await leave();
  });
});
