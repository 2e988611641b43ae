import { createServer } from "node:net";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isUnavailable } from "../../src/errors/index.ts";
import {
  createXdsCache,
  createXdsServer,
  type NackEvent,
  resourceFromBytes,
  typeUrls,
  type XdsServer,
} from "../../src/xds/index.ts";
import { discoveryServices } from "../../src/xds/server/services.ts";
import { waitFor } from "../support/wait-for.ts";
import { connect, type XdsClient } from "./support/grpc-client.ts";
import { resource, resources } from "./support/messages.ts";

const { cluster: CDS, endpoint: EDS, listener: LDS } = typeUrls;
const KEY = "ns~proxy";
const modes = ["sotw", "delta"] as const;

let cache = createXdsCache();
let server: XdsServer;
let client: XdsClient;
let nacks: NackEvent[];
let warnings: string[];

beforeEach(async () => {
  cache = createXdsCache();
  nacks = [];
  warnings = [];
  server = createXdsServer({
    cache,
    port: 0,
    snapshotKey: ({ metadata }) => (typeof metadata.role === "string" ? metadata.role : undefined),
    fallbackKey: "misconfigured-node",
    identifier: "epoxy-test",
    events: { onNack: (event) => nacks.push(event) },
    logger: {
      debug() {},
      info() {},
      warn: (fields, message) => warnings.push(`${message} ${JSON.stringify(fields)}`),
    },
  });
  client = connect((await server.listen()).port);
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await server.close();
});

describe.each(modes)("%s", (mode) => {
  test("a client is sent what there is, then each change, and what it refuses is told", async () => {
    cache.apply(KEY, { upsert: resources(CDS, { a: "1" }), complete: true });
    const stream = client.stream(mode);
    stream.send({ typeUrl: CDS });
    const first = await stream.next();
    expect(first).toMatchObject({ typeUrl: CDS, resources: { a: "a=1" }, controlPlane: "epoxy-test" });
    stream.ack(first);
    cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    const second = await stream.next();
    expect(second.resources).toEqual({ a: "a=2" });
    stream.nack(second, "connect_timeout: value must be greater than 0s");
    await waitFor(() => nacks.length === 1);
    expect(nacks[0]).toMatchObject({ key: KEY, typeUrl: CDS, resources: [{ name: "a" }] });
    expect(warnings.join()).toContain("connect_timeout: value must be greater than 0s");
    cache.apply(KEY, { upsert: resources(CDS, { a: "3" }) });
    expect((await stream.next()).resources).toEqual({ a: "a=3" });
    expect(server.metrics.byType.get(CDS)).toMatchObject({ requests: 3, responses: 3, acks: 1, nacks: 1 });
  });

  test.each([{}, { typeUrl: CDS, node: undefined }])(
    "rules 2 and 4: a first request without type or node ends the stream with InvalidArgument: %o",
    async (ask) => {
      const stream = client.stream(mode);
      stream.send(ask);
      expect(await stream.ended).toMatchObject({
        code: status.INVALID_ARGUMENT,
        details: expect.stringMatching(/node is missing|type_url is missing/),
      });
      expect(server.streams()).toEqual([]);
    },
  );

  test("a proxy whose key is unknown is told nothing until the key appears, then everything", async () => {
    const stream = client.stream(mode, { node: { id: "early", metadata: { role: "new~proxy" } } });
    stream.send({ typeUrl: CDS });
    stream.send({ typeUrl: LDS });
    await waitFor(() => server.streams()[0]?.types.length === 2);
    cache.apply("new~proxy", {
      upsert: [resource(LDS, "l"), resource(CDS, "a")],
      complete: true,
    });
    expect([await stream.next(), await stream.next()].map(({ resources: it }) => it)).toEqual([
      { a: "a=1" },
      { l: "l=1" },
    ]);
  });

  test("a proxy without a key gets the fallback", async () => {
    cache.apply("misconfigured-node", { upsert: resources(LDS, { help: "set node.metadata.role" }), complete: true });
    const stream = client.stream(mode, { node: { id: "lost" } });
    stream.send({ typeUrl: LDS });
    expect((await stream.next()).resources).toEqual({ help: "help=set node.metadata.role" });
    expect(server.streams()).toMatchObject([{ key: "misconfigured-node", node: { id: "lost" } }]);
  });

  test("a hundred clients each get a change, each once", async () => {
    cache.apply(KEY, { upsert: resources(CDS, { a: "1", b: "1" }), complete: true });
    const streams = Array.from({ length: 100 }, () => client.stream(mode));
    for (const stream of streams) stream.send({ typeUrl: CDS });
    for (const stream of streams) stream.ack(await stream.next());
    cache.apply(KEY, { upsert: resources(CDS, { b: "2" }) });
    const answers = await Promise.all(streams.map((stream) => stream.next()));
    expect(new Set(answers.map((it) => JSON.stringify(it.resources))).size).toBe(1);
    expect(answers[0]?.resources).toMatchObject({ b: "b=2" });
    expect(server.metrics).toMatchObject({ streams: 100, streamsOpened: 100 });
    expect(server.metrics.byType.get(CDS)?.responses).toBe(200);
  });

  test("a closed stream leaves nothing behind", async () => {
    cache.apply(KEY, { complete: true });
    const stream = client.stream(mode, { node: { id: "gone", metadata: { role: "made~up" } } });
    stream.send({ typeUrl: EDS, names: ["a"], subscribe: ["a"] });
    await waitFor(() => server.streams().length === 1);
    stream.cancel();
    await waitFor(() => server.streams().length === 0);
    expect(cache.dump("made~up")).toEqual([]);
    expect(server.metrics.streams).toBe(0);
  });
});

describe("rule 1: each service of Envoy's API is there", () => {
  const cases = discoveryServices.flatMap(({ definition, methods }) =>
    methods.map(({ name, mode, typeUrl }) => ({ path: definition[name]?.path ?? "", mode, typeUrl })),
  );

  test("as a stream and, for virtual hosts only, without a state-of-the-world form", () => {
    expect(cases.map(({ path }) => path.replace("/envoy.service.", "")).sort()).toEqual([
      "cluster.v3.ClusterDiscoveryService/DeltaClusters",
      "cluster.v3.ClusterDiscoveryService/StreamClusters",
      "discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
      "discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
      "endpoint.v3.EndpointDiscoveryService/DeltaEndpoints",
      "endpoint.v3.EndpointDiscoveryService/StreamEndpoints",
      "extension.v3.ExtensionConfigDiscoveryService/DeltaExtensionConfigs",
      "extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs",
      "listener.v3.ListenerDiscoveryService/DeltaListeners",
      "listener.v3.ListenerDiscoveryService/StreamListeners",
      "route.v3.RouteDiscoveryService/DeltaRoutes",
      "route.v3.RouteDiscoveryService/StreamRoutes",
      "route.v3.ScopedRoutesDiscoveryService/DeltaScopedRoutes",
      "route.v3.ScopedRoutesDiscoveryService/StreamScopedRoutes",
      "route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts",
      "runtime.v3.RuntimeDiscoveryService/DeltaRuntime",
      "runtime.v3.RuntimeDiscoveryService/StreamRuntime",
      "secret.v3.SecretDiscoveryService/DeltaSecrets",
      "secret.v3.SecretDiscoveryService/StreamSecrets",
    ]);
  });

  test.each(cases.filter(({ typeUrl }) => typeUrl !== undefined))("$path", async ({ path, mode, typeUrl }) => {
    cache.apply(KEY, { upsert: resources(typeUrl ?? "", { a: "1" }), complete: true });
    const stream = client.stream(mode, { path });
    stream.send({ names: ["a"], subscribe: ["a"] });
    expect(await stream.next()).toMatchObject({ typeUrl, resources: { a: "a=1" } });
  });
});

test("rule 31: a first request of more than 4 MiB is taken, and nothing is sent to who has everything", async () => {
  const count = 50_000;
  const names = Array.from({ length: count }, (_, i) => `a-cluster-with-a-name-of-some-length-${i}`);
  const upsert = names.map((name) => resourceFromBytes(CDS, name, Buffer.from(`${name}=1`)));
  cache.apply(KEY, { upsert, complete: true });
  const stream = client.stream("delta");
  stream.send({ typeUrl: CDS, initial: Object.fromEntries(upsert.map(({ name, version }) => [name, version])) });
  cache.apply(KEY, { upsert: resources(CDS, { "the-last": "1" }) });
  expect((await stream.next()).resources).toEqual({ "the-last": "the-last=1" });
});

test("a port in use is an error that names the address and what to do", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const address = other.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const second = createXdsServer({ cache, port, snapshotKey: () => undefined, fallbackKey: "f" });
  const error = await second.listen().catch((it: unknown) => it);
  expect(isUnavailable(error)).toBe(true);
  expect(String(error)).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}.*EADDRINUSE.*set another`));
  await second.close();
  await new Promise((resolve) => other.close(resolve));
});

test("closing ends the streams as unavailable, so that clients go elsewhere; closing twice is no harm", async () => {
  cache.apply(KEY, { complete: true });
  const stream = client.stream("delta");
  stream.send({ typeUrl: CDS });
  await stream.next();
  await Promise.all([server.close(), server.close()]);
  expect(await stream.ended).toMatchObject({ code: status.UNAVAILABLE });
  expect(server.streams()).toEqual([]);
});
