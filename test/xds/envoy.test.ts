import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createXdsCache, createXdsServer, type NackEvent, typeUrls, type XdsServer } from "../../src/xds/index.ts";
import { glooBootstrap, type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { waitFor } from "../support/wait-for.ts";
import { assignment, cluster, listener, routes } from "./support/envoy-resources.ts";

const KEY = "gloo-system~gateway-proxy";

let backend: Server;
let backendPort: number;
let port: number;
let cache = createXdsCache();
let server: XdsServer;
let xdsPort: number;
let envoy: RunningEnvoy;
let nacks: NackEvent[];

beforeEach(async () => {
  backend = createServer((_, response) => response.end("ok"));
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
  const address = backend.address();
  backendPort = typeof address === "object" ? (address?.port ?? 0) : 0;
  port = await freePort();
  cache = createXdsCache();
  nacks = [];
  server = serve(0);
  xdsPort = (await server.listen()).port;
});

afterEach(async () => {
  await envoy.stop();
  await server.close();
  backend.closeAllConnections();
  backend.close();
});

function serve(listenPort: number): XdsServer {
  return createXdsServer({
    cache,
    port: listenPort,
    snapshotKey: ({ metadata }) => (typeof metadata.role === "string" ? metadata.role : undefined),
    fallbackKey: "misconfigured-node",
    events: { onNack: (event) => nacks.push(event) },
  });
}

const url = () => `http://127.0.0.1:${port}/`;

/** All types accepted, in the version of the cache. */
const inSync = () =>
  server
    .streams()
    .some(
      ({ types }) =>
        types.length === 4 && types.every((it) => it.outstanding === 0 && it.held.length === 0 && it.acked === it.sent),
    );

describe.each(["sotw", "delta"] as const)("a real Envoy, %s", (mode) => {
  async function start(): Promise<void> {
    cache.apply(KEY, {
      upsert: [
        cluster("cluster-1"),
        assignment("cluster-1", backendPort),
        listener("http", port, "r"),
        routes("r", "cluster-1"),
      ],
      complete: true,
    });
    envoy = await startEnvoy({ bootstrap: glooBootstrap({ xdsPort, delta: mode === "delta" }) });
    await waitFor(async () => (await httpGet(url())).status === 200);
  }

  test("rules 23 and 24: traffic moves to new clusters, and clusters change, without one failed request", async () => {
    await start();
    const load = startSteadyLoad({ url: url(), rate: 400 });
    let last = "cluster-1";
    for (let step = 2; step < 12; step++) {
      const name = `cluster-${step}`;
      const began = performance.now();
      cache.apply(KEY, {
        upsert: [routes("r", name), cluster(name), assignment(name, backendPort)],
        remove: [
          { typeUrl: typeUrls.cluster, name: last },
          { typeUrl: typeUrls.endpoint, name: last },
        ],
      });
      await waitFor(async () => inSync() && (await envoy.admin("/clusters")).includes(`${name}::`));
      await waitFor(async () => !(await envoy.admin("/clusters")).includes(`${last}::`));
      // The cluster's settings alone: Envoy warms it until its unchanged endpoints come again, 15 s if they don't.
      cache.apply(KEY, { upsert: [cluster(name, 2n)] });
      await waitFor(async () => inSync() && (await envoy.stat("cluster_manager.warming_clusters")) === 0);
      expect(performance.now() - began).toBeLessThan(5000);
      last = name;
    }
    const report = await load.stop();
    expect(report.failures).toEqual([]);
    expect(report.good).toBeGreaterThan(20);
    expect(nacks).toEqual([]);
  });

  test("rule 10: a refused route is told once, isn't sent again, and its repair is taken", async () => {
    await start();
    cache.apply(KEY, { upsert: [routes("r", "cluster-1", "(unclosed")] });
    await waitFor(() => nacks.length > 0);
    expect(nacks[0]?.errorDetail.message).toContain("(unclosed");
    expect((await httpGet(url())).status).toBe(200);
    const sent = server.metrics.byType.get(typeUrls.route)?.responses;
    cache.apply(KEY, {
      upsert: [routes("r", "cluster-2"), cluster("cluster-2"), assignment("cluster-2", backendPort)],
    });
    await waitFor(async () => inSync() && (await envoy.admin("/clusters")).includes("cluster-2::"));
    expect((await httpGet(url())).status).toBe(200);
    expect(server.metrics.byType.get(typeUrls.route)?.responses).toBe((sent ?? 0) + 1);
    expect(nacks).toHaveLength(1);
  });

  test("rules 13 and 22: a restarted server sends nothing that Envoy has, and traffic goes on", async () => {
    await start();
    await waitFor(inSync);
    const load = startSteadyLoad({ url: url(), rate: 400 });
    await server.close();
    server = serve(xdsPort);
    await server.listen();
    await waitFor(() => server.streams()[0]?.types.length === 4);
    cache.apply(KEY, {
      upsert: [cluster("cluster-2"), assignment("cluster-2", backendPort), routes("r", "cluster-2")],
    });
    await waitFor(async () => (await envoy.admin("/clusters")).includes("cluster-2::"));
    await waitFor(inSync);
    expect((await load.stop()).failures).toEqual([]);
    // Clusters: the change. Listeners: none. In delta no route or assignment but the changed ones.
    expect(server.metrics.byType.get(typeUrls.listener)?.responses ?? 0).toBe(0);
    const resources = [typeUrls.cluster, typeUrls.endpoint, typeUrls.route].map(
      (typeUrl) => server.metrics.byType.get(typeUrl)?.resources,
    );
    expect(mode === "sotw" || resources.every((it) => it === 1), String(resources)).toBe(true);
    expect(nacks).toEqual([]);
  });
});
