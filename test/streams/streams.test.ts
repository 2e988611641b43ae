import { afterEach, beforeEach, expect, test } from "vitest";
import { UpstreamKind } from "../../generated/sdk/index.ts";
import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import {
  createPublisher,
  createStreamClient,
  createStreamServer,
  type StreamClient,
  type StreamClientOptions,
  type StreamServer,
  typeUrlOf,
} from "../../src/streams/index.ts";
import { createMemoryStorage } from "../../src/storage/index.ts";
import { readYaml, waitFor } from "../../src/testing/index.ts";
import { createXdsCache } from "../../src/xds/index.ts";
import { freePort } from "../support/free-port.ts";

const upstream = (name: string, port = 80): Upstream =>
  readYaml(
    UpstreamKind,
    `metadata: {name: ${name}, namespace: ns}\nstatic: {hosts: [{addr: 127.0.0.1, port: ${port}}]}`,
  );
const portOf = (resource: Upstream | undefined): number | undefined =>
  resource?.upstreamType?.$case === "static" ? resource.upstreamType.value.hosts[0]?.port : undefined;
const ref = (name: string) => ({ name, namespace: "ns" });

let server: StreamServer<Upstream>;
let port: number;
const clients: StreamClient<Upstream>[] = [];

beforeEach(async () => {
  server = createStreamServer(UpstreamKind, { port: 0 });
  port = (await server.listen()).port;
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await server.close();
});

function connect(id: string, options: Partial<StreamClientOptions<Upstream>> = {}): StreamClient<Upstream> {
  const client = createStreamClient(UpstreamKind, { address: `127.0.0.1:${port}`, node: { id }, ...options });
  clients.push(client);
  return client;
}

test("a client isn't answered before it is known what there is, and then even if that is nothing", async () => {
  const client = connect("one");
  await waitFor(() => server.streams().length === 1);
  expect(server.streams()[0]?.types[0]?.sent).toBeUndefined();
  server.publish([]);
  await client.synced;
  expect(client.list()).toEqual([]);
});

test("only what differs is told, and a client can ask for some resources only", async () => {
  server.publish([upstream("a"), upstream("b")]);
  const [all, some] = [connect("all"), connect("some", { names: [ref("b")] })];
  const changes: string[][] = [];
  all.subscribe(({ changed, removed }) => {
    changes.push([...changed.map((it) => `+${it.metadata?.name}`), ...removed.map(({ name }) => `-${name}`)]);
  });
  await Promise.all([all.synced, some.synced]);
  expect(some.list().map(({ metadata }) => metadata?.name)).toEqual(["b"]);
  server.publish([upstream("b"), upstream("c", 81)]);
  await waitFor(() => changes.length === 2);
  expect(changes).toEqual([
    ["+a", "+b"],
    ["+c", "-a"],
  ]);
  expect(portOf(all.get(ref("c")))).toBe(81);
});

test("what a client refuses is told to the server once, and the rest of a change reaches it", async () => {
  server.publish([upstream("a"), upstream("b")]);
  const client = connect("careful", {
    accept(resource) {
      if (portOf(resource) === 13) throw new Error("port 13 is unlucky");
    },
  });
  await client.synced;
  server.publish([upstream("a", 13), upstream("b", 82)]);
  await waitFor(() => portOf(client.get(ref("b"))) === 82);
  expect(portOf(client.get(ref("a")))).toBe(80);
  await waitFor(() => server.streams()[0]?.types[0]?.quarantined.some(({ name }) => name === "ns/a"));
  server.publish([upstream("a", 14), upstream("b", 82)]);
  await waitFor(() => portOf(client.get(ref("a"))) === 14);
});

test("a client whose server goes keeps what it has, and is sent what differs when it is back", async () => {
  server.publish([upstream("a"), upstream("b")]);
  const errors: string[] = [];
  const client = connect("one", { onError: (error) => errors.push(error.message) });
  await client.synced;
  const before = client.get(ref("a"));
  await server.close();
  await waitFor(() => errors.length > 0);
  expect(errors[0]).toMatch(/the stream of upstreams from 127\.0\.0\.1:\d+ ended: /);
  expect(client.list()).toHaveLength(2);
  server = createStreamServer(UpstreamKind, { port });
  await server.listen();
  server.publish([upstream("a"), upstream("c")]);
  await waitFor(() => client.get(ref("c")) !== undefined && client.get(ref("b")) === undefined);
  // The same object: it wasn't sent again.
  expect(client.get(ref("a"))).toBe(before);
});

test("a client that is closed before the server answers says so to who waits", async () => {
  const client = createStreamClient(UpstreamKind, { address: `127.0.0.1:${await freePort()}`, node: { id: "one" } });
  await client.close();
  await expect(client.synced).rejects.toThrow("the client of upstreams");
});

test("a publisher follows a storage into any cache, beside what else is there", async () => {
  await using storage = createMemoryStorage();
  const upstreams = storage.client(UpstreamKind);
  await upstreams.write(upstream("a"));
  const cache = createXdsCache();
  const stop = new AbortController();
  const following = createPublisher(UpstreamKind, cache, "role").follow(upstreams, { signal: stop.signal });
  const served = () => cache.dump("role").find(({ typeUrl }) => typeUrl === typeUrlOf(UpstreamKind));
  await waitFor(() => served()?.complete);
  await upstreams.write(upstream("b"));
  await waitFor(() => served()?.resources["ns/b"] !== undefined);
  expect(served()?.resources["ns/a"]).toMatch(/^[0-9a-f]{32}$/);
  await upstreams.delete(ref("a"));
  await waitFor(() => served()?.resources["ns/a"] === undefined);
  stop.abort();
  await expect(following).rejects.toThrow("abort");
});
