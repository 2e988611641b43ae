import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createRestServer,
  createXdsCache,
  createXdsServer,
  type NackEvent,
  openXdsSecurity,
  type RestServer,
  typeUrls,
  type XdsSecurity,
  type XdsServer,
} from "../../src/xds/index.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { waitFor } from "../support/wait-for.ts";
import { createAuthority } from "../support/certificates.ts";
import { bootstrapFor, configSource, type Mode, modes, mutualTls } from "./support/bootstrap.ts";
import { edsCluster, endpointsAt, httpListener, jsonResource, routeTable } from "./support/json-resource.ts";

const KEY = "gloo-system~gateway-proxy";

/** Backends that answer with their own name. */
async function backend(name: string): Promise<{ server: Server; port: number }> {
  const server = createServer((_, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

let backends: { server: Server; port: number }[];
let port: number;
let cache = createXdsCache();
let server: XdsServer;
let rest: RestServer;
let nacks: NackEvent[];
let envoy: RunningEnvoy | undefined;

beforeEach(async () => {
  backends = [await backend("one"), await backend("two")];
  port = await freePort();
  cache = createXdsCache();
  nacks = [];
  server = serve();
  rest = createRestServer({ port: 0, fetch: server.fetch });
});

function serve(security?: XdsSecurity): XdsServer {
  return createXdsServer({
    cache,
    port: 0,
    security,
    snapshotKey: ({ metadata }) => (typeof metadata.role === "string" ? metadata.role : undefined),
    fallbackKey: "misconfigured-node",
    events: { onNack: (event) => nacks.push(event) },
  });
}

afterEach(async () => {
  await envoy?.stop();
  envoy = undefined;
  await rest.close();
  await server.close();
  for (const it of backends) {
    it.server.closeAllConnections();
    it.server.close();
  }
});

/** Routes to a cluster of a name, which is at the backend of an index. */
function configuration(mode: Mode, cluster: string, index: number) {
  const source = configSource(mode);
  const waitsFor = { resendWith: [{ typeUrl: typeUrls.endpoint, name: cluster }] };
  return [
    jsonResource(typeUrls.cluster, cluster, edsCluster(cluster, source), waitsFor),
    jsonResource(typeUrls.endpoint, cluster, endpointsAt(cluster, backends[index]?.port ?? 0)),
    jsonResource(
      typeUrls.listener,
      "http",
      httpListener(port, { rds: { routeConfigName: "routes", configSource: source } }),
    ),
    jsonResource(typeUrls.route, "routes", routeTable("routes", cluster)),
  ];
}

describe.each(modes)("rule 1: a stock Envoy by %s", (mode) => {
  test("gets listeners, routes, clusters and endpoints, and follows when they change, without one failed request", async () => {
    await using authority = await createAuthority();
    let transportSocket: JsonObject | undefined;
    if (mode === "mutual TLS") {
      const { cert, key } = await authority.issue("control-plane");
      server = serve(await openXdsSecurity({ tls: { certFile: cert, keyFile: key, clientCaFile: authority.ca } }));
      transportSocket = await mutualTls(authority);
    }
    const { port: xdsPort } = await server.listen();
    const { port: restPort } = await rest.listen();
    cache.apply(KEY, { upsert: configuration(mode, "first", 0), complete: true });
    const bootstrap = bootstrapFor({ mode, xdsPort, restPort, ...(transportSocket && { transportSocket }) });
    envoy = await startEnvoy({ bootstrap });
    const url = `http://127.0.0.1:${port}/`;
    await waitFor(async () => (await httpGet(url)).body === "one");
    const load = startSteadyLoad({ url, rate: 400 });
    for (const index of [1, 0, 1, 0, 1]) {
      const endpoints = endpointsAt("first", backends[index]?.port ?? 0);
      cache.apply(KEY, { upsert: [jsonResource(typeUrls.endpoint, "first", endpoints)] });
      await waitFor(async () => (await httpGet(url)).body === ["one", "two"][index]);
    }
    // Without an aggregated stream nothing keeps order between types: the new cluster is there before anything needs it.
    const [cluster, endpoints, , routes] = configuration(mode, "second", 0);
    cache.apply(KEY, { upsert: [cluster, endpoints].flatMap((it) => it ?? []) });
    await waitFor(async () => (await envoy?.admin("/clusters"))?.includes("second::127.0.0.1"));
    cache.apply(KEY, { upsert: [routes].flatMap((it) => it ?? []) });
    await waitFor(async () => (await httpGet(url)).body === "one");
    const { failures, good } = await load.stop();
    expect(failures).toEqual([]);
    expect(good).toBeGreaterThan(20);
    expect(nacks).toEqual([]);
  });
});

test("rule 30: an Envoy that polls is told of a change once, and otherwise that it is current", async () => {
  const { port: xdsPort } = await server.listen();
  const { port: restPort } = await rest.listen();
  cache.apply(KEY, { upsert: configuration("REST", "first", 0), complete: true });
  envoy = await startEnvoy({ bootstrap: bootstrapFor({ mode: "REST", xdsPort, restPort }) });
  await waitFor(async () => (await httpGet(`http://127.0.0.1:${port}/`)).body === "one");
  const before = server.metrics.polls;
  await waitFor(() => server.metrics.polls > before + 20);
  for (const type of ["listener_manager.lds", "cluster_manager.cds"]) {
    expect(await envoy.stat(`${type}.update_success`)).toBe(1);
    expect(await envoy.stat(`${type}.update_rejected`)).toBe(0);
  }
});
