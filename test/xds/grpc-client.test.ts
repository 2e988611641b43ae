import { register } from "@grpc/grpc-js-xds";
import { Client, credentials, Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { createXdsCache, createXdsServer, type NackEvent, typeUrls } from "../../src/xds/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { configSource } from "./support/bootstrap.ts";
import { jsonResource, packed, routeTable } from "./support/json-resource.ts";

const KEY = "role-of-grpc";
const PATH = "/shop.v1.Shop/Name";
const same = (bytes: Buffer): Buffer => bytes;
const ads = configSource("sotw ADS");
const closing: (() => void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) close();
});

/** A gRPC service that answers with its own name. */
async function shop(name: string): Promise<number> {
  const server = new Server();
  const method = { path: PATH, requestStream: false, responseStream: false, requestSerialize: same };
  const codec = { requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
  const service: ServiceDefinition = { Name: { ...method, ...codec } };
  server.addService(service, {
    Name: (_: unknown, done: (error: null, answer: Buffer) => void) => done(null, Buffer.from(name)),
  });
  closing.push(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

const listener = jsonResource(typeUrls.listener, "shop.test", {
  name: "shop.test",
  apiListener: {
    apiListener: {
      "@type": packed("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
      rds: { routeConfigName: "routes", configSource: ads },
      httpFilters: [{ name: "router", typedConfig: { "@type": packed("extensions.filters.http.router.v3.Router") } }],
    },
  },
});
const routes = (cluster: string) => jsonResource(typeUrls.route, "routes", routeTable("routes", cluster));
const cluster = (name: string) =>
  jsonResource(typeUrls.cluster, name, {
    name,
    type: "EDS",
    lbPolicy: "ROUND_ROBIN",
    edsClusterConfig: { edsConfig: ads },
  });
const endpoints = (clusterName: string, port: number) =>
  jsonResource(typeUrls.endpoint, clusterName, {
    clusterName,
    endpoints: [
      {
        locality: { region: "here" },
        loadBalancingWeight: 1,
        lbEndpoints: [{ endpoint: { address: { socketAddress: { address: "127.0.0.1", portValue: port } } } }],
      },
    ],
  });

test("rules 1 and 14: gRPC's own xDS client, which names all that it wants, calls a service through what it is told, and follows changes", async () => {
  const [one, two] = [await shop("one"), await shop("two")];
  const cache = createXdsCache();
  const nacks: NackEvent[] = [];
  const xds = createXdsServer({
    cache,
    port: 0,
    snapshotKey: ({ metadata }) => String(metadata["role"]),
    fallbackKey: "none",
    events: { onNack: (event) => nacks.push(event) },
  });
  closing.push(() => void xds.close());
  const { port } = await xds.listen();
  cache.apply(KEY, {
    upsert: [listener, routes("first"), cluster("first"), endpoints("first", one)],
    complete: true,
  });
  const server = {
    server_uri: `127.0.0.1:${port}`,
    channel_creds: [{ type: "insecure" }],
    server_features: ["xds_v3"],
  };
  const node = { id: "grpc-1", locality: { region: "here" }, metadata: { role: KEY } };
  register();
  const client = new Client("xds:///shop.test", credentials.createInsecure(), {
    // From the environment it would be read for the whole process.
    "grpc.TEST_ONLY_DO_NOT_USE_IN_PROD.xds_bootstrap_config": JSON.stringify({ xds_servers: [server], node }),
  });
  closing.push(() => client.close());
  const call = () =>
    new Promise<string>((resolve, reject) => {
      const options = { deadline: Date.now() + 5_000 };
      client.makeUnaryRequest(PATH, same, same, Buffer.alloc(0), options, (error, answer) =>
        error === null ? resolve(String(answer)) : reject(error),
      );
    });
  expect(await call()).toBe("one");
  cache.apply(KEY, { upsert: [endpoints("first", two)] });
  await waitFor(async () => (await call()) === "two");
  cache.apply(KEY, { upsert: [routes("second"), cluster("second"), endpoints("second", one)] });
  await waitFor(async () => (await call()) === "one");
  expect(nacks.map(({ errorDetail }) => errorDetail.message)).toEqual([]);
  const [stream] = xds.streams();
  expect(stream?.types.map(({ wildcard }) => wildcard)).toEqual([false, false, false, false]);
});
