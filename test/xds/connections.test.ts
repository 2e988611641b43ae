import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import {
  createXdsCache,
  createXdsServer,
  typeUrls,
  type XdsServer,
  type XdsServerOptions,
} from "../../src/xds/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { connect } from "./support/grpc-client.ts";
import { resources } from "./support/messages.ts";
import { connectRaw, type RawClient } from "./support/raw-client.ts";

const KEY = "ns~proxy";
const ask = { typeUrl: typeUrls.cluster };

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function serve(options: Partial<XdsServerOptions>) {
  const cache = createXdsCache();
  cache.apply(KEY, { upsert: resources(typeUrls.cluster, { a: "1" }), complete: true });
  const server: XdsServer = createXdsServer({ cache, port: 0, fallbackKey: KEY, snapshotKey: () => KEY, ...options });
  closing.push(() => server.close());
  return { cache, server, port: (await server.listen()).port };
}

function open(port: number): RawClient {
  const client = connectRaw(port);
  closing.push(() => client[Symbol.asyncDispose]());
  return client;
}

/** A network that can die: what goes through it is lost from then on, and neither side is told. */
async function network(port: number): Promise<{ readonly port: number; die(): void }> {
  const sockets: Socket[] = [];
  const between = createServer((socket) => {
    const onward = connectTcp(port, "127.0.0.1");
    for (const it of [socket, onward]) it.on("error", () => {});
    sockets.push(socket, onward);
    socket.pipe(onward, { end: false }).pipe(socket, { end: false });
  });
  between.listen(0, "127.0.0.1");
  await once(between, "listening");
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    between.close();
  });
  return {
    port: (between.address() as AddressInfo).port,
    die: () => sockets.forEach((socket) => socket.unpipe().on("data", () => {})),
  };
}

test("rule 31: a proxy whose network has died is given up after keepalive's time, one that answers pings is kept", async () => {
  const { server, port } = await serve({ keepaliveMs: 300 });
  const wire = await network(port);
  const [alive, dead] = [open(port), open(wire.port)];
  let pings = 0;
  alive.stream.session?.on("ping", () => pings++);
  for (const [id, { send, stream }] of Object.entries({ alive, dead })) {
    stream.resume();
    send({ ...ask, node: { id } });
  }
  const nodes = () => server.streams().map(({ node }) => node?.id);
  await waitFor(() => nodes().filter((id) => id !== undefined).length === 2);
  wire.die();
  await waitFor(() => nodes().length === 1);
  const before = pings;
  await waitFor(() => pings > before + 1);
  expect(nodes()).toEqual(["alive"]);
});

test("rule 31: connections that are old are told to go, each at another time, and what is open is served until it goes", async () => {
  const { cache, port } = await serve({ maxConnectionAgeMs: 400 });
  const told: number[] = [];
  const clients = Array.from({ length: 12 }, () => open(port));
  for (const [index, { stream }] of clients.entries()) stream.session?.once("goaway", () => told.push(index));
  const client = connect(port);
  closing.push(() => client[Symbol.asyncDispose]());
  const stream = client.stream("delta");
  stream.send(ask);
  stream.ack(await stream.next());
  expect(told).toEqual([]);
  await waitFor(() => told.length === clients.length);
  // Equal ages would end in the order in which they began.
  expect(told).not.toEqual(clients.map((_, index) => index));
  await Promise.all(clients.map(({ closed, stream }) => (stream.close(), closed)));
  cache.apply(KEY, { upsert: resources(typeUrls.cluster, { b: "1" }) });
  expect((await stream.next()).resources).toEqual({ b: "b=1" });
});
