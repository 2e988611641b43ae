import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import type { JsonObject } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createXdsCache, createXdsServer, type NackEvent, typeUrls, type XdsServer } from "../../src/xds/index.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";
import { bootstrapFor, configSource, type Mode } from "./support/bootstrap.ts";
import { clientStatuses } from "./support/client-statuses.ts";
import { edsCluster, endpointsAt, httpListener, jsonResource, packed, routeTable } from "./support/json-resource.ts";

const KEY = "gloo-system~gateway-proxy";
const ads = configSource("delta ADS");

let backend: Server;
let port: number;
let cache = createXdsCache();
let server: XdsServer;
let xdsPort: number;
let nacks: NackEvent[];
let envoy: RunningEnvoy;

beforeEach(async () => {
  backend = createServer((_, response) => response.end("ok"));
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
  port = await freePort();
  cache = createXdsCache();
  nacks = [];
  server = createXdsServer({
    cache,
    port: 0,
    snapshotKey: ({ metadata }) => (typeof metadata["role"] === "string" ? metadata["role"] : undefined),
    fallbackKey: "misconfigured-node",
    loadReportIntervalMs: 200,
    events: { onNack: (event) => nacks.push(event) },
  });
  xdsPort = (await server.listen()).port;
});

afterEach(async () => {
  await envoy.stop();
  await server.close();
  backend.closeAllConnections();
  backend.close();
});

const url = () => `http://127.0.0.1:${port}/`;

/** An Envoy with these resources and, at a backend that answers "ok", the cluster `shop`. */
async function start(mode: Mode, upsert: ReturnType<typeof jsonResource>[], more: JsonObject = {}): Promise<void> {
  const backendPort = (backend.address() as AddressInfo).port;
  const shop = [
    jsonResource(typeUrls.cluster, "shop", edsCluster("shop", ads), {
      resendWith: [{ typeUrl: typeUrls.endpoint, name: "shop" }],
    }),
    jsonResource(typeUrls.endpoint, "shop", endpointsAt("shop", backendPort)),
  ];
  cache.apply(KEY, { upsert: [...shop, ...upsert], complete: true });
  envoy = await startEnvoy({ bootstrap: bootstrapFor({ mode, xdsPort, more }) });
}

const listener = (filters: JsonObject[] = [], routing?: JsonObject) =>
  jsonResource(
    typeUrls.listener,
    "http",
    httpListener(port, routing ?? { rds: { routeConfigName: "routes", configSource: ads } }, filters),
  );
const routes = () => jsonResource(typeUrls.route, "routes", routeTable("routes", "shop"));

describe.each(["sotw ADS", "delta ADS"] as const)("rule 1: a stock Envoy by %s", (mode) => {
  test("takes a runtime layer (RTDS), which lives while the server says so and no longer (rule 25)", async () => {
    const runtime = (value: number) =>
      jsonResource(typeUrls.runtime, "layer", { name: "layer", layer: { "shop.level": value } }, { ttlMs: 600 });
    const layers = [{ name: "layer", rtdsLayer: { name: "layer", rtdsConfig: configSource(mode) } }];
    await start(mode, [runtime(1)], { layeredRuntime: { layers } });
    const level = async (): Promise<string | undefined> =>
      JSON.parse(await envoy.admin("/runtime")).entries?.["shop.level"]?.final_value;
    await waitFor(async () => (await level()) === "1");
    cache.apply(KEY, { upsert: [runtime(2)] });
    await waitFor(async () => (await level()) === "2");
    const responses = () => server.metrics.byType.get(typeUrls.runtime)?.responses ?? 0;
    const before = responses();
    // Four heartbeats of 300 ms are two lifetimes.
    await waitFor(() => responses() >= before + 4);
    expect(await level()).toBe("2");
    expect(nacks).toEqual([]);
    await server.close();
    await waitFor(async () => (await level()) === undefined, { timeout: 5_000 });
  });

  test("takes a filter's configuration (ECDS), and its changes", async () => {
    const type = packed("extensions.filters.http.header_mutation.v3.HeaderMutation");
    const filter = (value: string) =>
      jsonResource(typeUrls.extensionConfig, "stamp", {
        name: "stamp",
        typedConfig: {
          "@type": type,
          mutations: { responseMutations: [{ append: { header: { key: "x-stamp", value } } }] },
        },
      });
    const discovered = { name: "stamp", configDiscovery: { configSource: configSource(mode), typeUrls: [type] } };
    await start(mode, [listener([discovered]), routes(), filter("one")]);
    const stamp = async () => (await httpGet(url())).headers["x-stamp"];
    await waitFor(async () => (await stamp()) === "one");
    cache.apply(KEY, { upsert: [filter("two")] });
    await waitFor(async () => (await stamp()) === "two");
    expect(nacks).toEqual([]);
  });

  test("takes a certificate (SDS), and the next one; its key is in no dump and in no client status", async () => {
    const certificates = [await certificate("one.test"), await certificate("two.test")] as const;
    const secret = ({ cert, key }: { cert: string; key: string }) =>
      jsonResource(typeUrls.secret, "cert", {
        name: "cert",
        tlsCertificate: { certificateChain: { inlineString: cert }, privateKey: { inlineString: key } },
      });
    const transportSocket = {
      name: "tls",
      typedConfig: {
        "@type": packed("extensions.transport_sockets.tls.v3.DownstreamTlsContext"),
        commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: "cert", sdsConfig: configSource(mode) }] },
      },
    };
    const rds = { routeConfigName: "routes", configSource: configSource(mode) };
    const secure = jsonResource(typeUrls.listener, "http", httpListener(port, { rds }, [], { transportSocket }));
    await start(mode, [secure, routes(), secret(certificates[0])]);
    await waitFor(async () => (await servedName()) === "one.test");
    cache.apply(KEY, { upsert: [secret(certificates[1])] });
    await waitFor(async () => (await servedName()) === "two.test");
    await waitFor(async () => (await statusesOf(typeUrls.secret))[0]?.configStatus === "SYNCED");
    const statuses = await clientStatuses(xdsPort, {});
    const seen = JSON.stringify([cache.dump(KEY), server.streams(), statuses]);
    expect(seen).toContain('"cert"');
    for (const { key } of certificates) {
      const words = key.split("\n").filter((line) => line.length > 40);
      expect(words.length).toBeGreaterThan(1);
      expect(words.filter((line) => seen.includes(line))).toEqual([]);
    }
    expect(nacks).toEqual([]);
  });

  test("is told which resources are in force by their client statuses (CSDS, rule 29)", async () => {
    await start(mode, [listener(), routes()]);
    await waitFor(async () => (await httpGet(url())).status === 200);
    const status = async (typeUrl: string, name: string) =>
      (await statusesOf(typeUrl)).find((resource) => resource.name === name);
    await waitFor(async () => (await status(typeUrls.route, "routes"))?.configStatus === "SYNCED");
    const good = cache.get(KEY, typeUrls.route, "routes")?.version;
    expect(await status(typeUrls.cluster, "shop")).toMatchObject({ configStatus: "SYNCED", clientStatus: "ACKED" });
    const table = routeTable("routes", "shop");
    const bad = { ...table, virtualHosts: [{ name: "all", domains: ["*", "*"] }] };
    cache.apply(KEY, { upsert: [jsonResource(typeUrls.route, "routes", bad)] });
    await waitFor(async () => (await status(typeUrls.route, "routes"))?.configStatus === "ERROR");
    const refused = await status(typeUrls.route, "routes");
    expect(refused).toMatchObject({ clientStatus: "NACKED", versionInfo: good });
    expect(refused?.errorState).toMatchObject({ versionInfo: cache.get(KEY, typeUrls.route, "routes")?.version });
    expect(refused?.errorState?.details).toMatch(/domain/i);
    const other = { nodeMatchers: [{ nodeId: { exact: "somebody else" } }] };
    expect(await clientStatuses(xdsPort, other)).toEqual([]);
  });
});

async function statusesOf(typeUrl: string) {
  const [client] = await clientStatuses(xdsPort, { nodeMatchers: [{ nodeId: { prefix: "envoy" } }] });
  return (client?.genericXdsConfigs ?? []).filter((resource) => resource.typeUrl === typeUrl);
}

test("rule 26: a stock Envoy asks for virtual hosts when requests need them (VHDS), and answers 404 at once where there is none", async () => {
  const host = (name: string) =>
    jsonResource(typeUrls.virtualHost, `routes/${name}`, {
      name: `routes/${name}`,
      domains: [name],
      routes: [{ match: { prefix: "/" }, route: { cluster: "shop" } }],
    });
  // Envoy begins to listen when it has been told of a virtual host, or after this time.
  const vhds = { configSource: { ...ads, initialFetchTimeout: "0.1s" } };
  const table = jsonResource(typeUrls.route, "routes", { name: "routes", vhds });
  const demand = {
    name: "on_demand",
    typedConfig: { "@type": packed("extensions.filters.http.on_demand.v3.OnDemand") },
  };
  await start("delta ADS", [listener([demand]), table, host("shop.test")]);
  const get = (name: string) => httpGet(url(), { headers: { host: name }, timeout: 3_000 });
  await waitFor(async () => (await get("shop.test")).status === 200);
  expect((await get("nobody.test")).status).toBe(404);
  cache.apply(KEY, { upsert: [host("nobody.test")] });
  await waitFor(async () => (await get("nobody.test")).status === 200);
  // A table that is replaced begins without hosts, which are asked for again.
  cache.apply(KEY, {
    upsert: [
      jsonResource(typeUrls.route, "routes", {
        name: "routes",
        vhds,
        responseHeadersToAdd: [{ header: { key: "x-table", value: "2" } }],
      }),
    ],
  });
  await waitFor(async () => {
    const { status, headers } = await get("shop.test");
    return status === 200 && headers["x-table"] === "2";
  });
  cache.apply(KEY, { remove: [{ typeUrl: typeUrls.virtualHost, name: "routes/shop.test" }] });
  await waitFor(async () => (await get("shop.test")).status === 404);
  expect(nacks).toEqual([]);
});

test("rules 19 and 26: a stock Envoy asks for clusters when requests need them (ODCDS), and answers 503 at once where there is none", async () => {
  const filter = {
    name: "on_demand",
    typedConfig: {
      "@type": packed("extensions.filters.http.on_demand.v3.OnDemand"),
      odcds: { source: ads, timeout: "30s" },
    },
  };
  const byHeader = {
    routeConfig: {
      virtualHosts: [
        { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { clusterHeader: "x-cluster" } }] },
      ],
    },
  };
  const { dynamicResources } = bootstrapFor({ mode: "delta ADS", xdsPort }) as { dynamicResources: JsonObject };
  const { cdsConfig: _, ...withoutClusters } = dynamicResources;
  await start("delta ADS", [listener([filter], byHeader)], { dynamicResources: withoutClusters });
  const get = (cluster: string) => httpGet(url(), { headers: { "x-cluster": cluster }, timeout: 3_000 });
  await waitFor(async () => (await get("shop")).status === 200);
  expect((await get("missing")).status).toBe(503);
  expect(nacks).toEqual([]);
});

test("rule 29: the load that a stock Envoy reports (LRS) is shown", async () => {
  const loadStatsConfig = {
    apiType: "GRPC",
    transportApiVersion: "V3",
    grpcServices: [{ envoyGrpc: { clusterName: "xds_cluster" } }],
  };
  await start("delta ADS", [listener(), routes()], { clusterManager: { loadStatsConfig } });
  await waitFor(async () => (await httpGet(url())).status === 200);
  // What happens before the second report of a cluster isn't counted by Envoy.
  const report = await waitFor(async () => {
    await httpGet(url());
    return server.loadReports().find(({ cluster, successful }) => cluster === "shop" && successful >= 3);
  });
  expect(report).toMatchObject({ node: "envoy-1", key: KEY, failed: 0, dropped: 0 });
});

/** A key and a certificate for one name. */
async function certificate(name: string): Promise<{ cert: string; key: string }> {
  const folder = await mkdtemp(join(tmpdir(), "epoxy-certificate-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const files = ["-keyout", key, "-out", cert, "-days", "2", "-subj", `/CN=${name}`];
  await promisify(execFile)("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...files]);
  const made = { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
  await rm(folder, { recursive: true });
  return made;
}

/** The name in the certificate that Envoy shows. */
function servedName(): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      const name = socket.getPeerCertificate().subject?.CN;
      socket.destroy();
      resolve(Array.isArray(name) ? name[0] : name);
    });
    socket.once("error", reject);
  });
}
