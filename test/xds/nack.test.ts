import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RouteConfiguration } from "../../generated/envoy/envoy/config/route/v3/route.ts";
import { Route, VirtualHost } from "../../generated/envoy/envoy/config/route/v3/route_components.ts";
import {
  createQuarantine,
  createXdsCache,
  createXdsServer,
  fieldPart,
  type NackEvent,
  type Quarantine,
  resourceFromBytes,
  resourceFromParts,
  typeUrls,
  type XdsCache,
  type XdsResource,
  type XdsServer,
  xdsPart,
} from "../../src/xds/index.ts";
import { glooBootstrap, type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";
import { assignment, cluster, listener } from "./support/envoy-resources.ts";

const KEY = "gloo-system~gateway-proxy";

let backend: Server;
let backendPort: number;
let port: number;
let cache: XdsCache;
let quarantine: Quarantine;
let server: XdsServer;
let xdsPort: number;
let envoys: RunningEnvoy[];
let nacks: NackEvent[];

beforeEach(async () => {
  backend = createServer((_, response) => response.end("ok"));
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
  const address = backend.address();
  backendPort = typeof address === "object" ? (address?.port ?? 0) : 0;
  port = await freePort();
  cache = createXdsCache();
  quarantine = createQuarantine(cache);
  nacks = [];
  envoys = [];
  server = createXdsServer({
    ...{ cache, quarantine, port: 0, fallbackKey: "misconfigured-node" },
    snapshotKey: () => KEY,
    events: { onNack: (event) => nacks.push(event) },
  });
  xdsPort = (await server.listen()).port;
});

afterEach(async () => {
  for (const envoy of envoys) await envoy.stop();
  await server.close();
  backend.closeAllConnections();
  backend.close();
});

interface Host {
  readonly answer: string;
  readonly regex?: string;
}

/** A table whose virtual hosts answer by themselves, each for its own domain; a `regex` is matched against paths. */
function table(hosts: Readonly<Record<string, Host>>): XdsResource {
  const frame = xdsPart(RouteConfiguration.encode(RouteConfiguration.fromPartial({ name: "r" })).finish(), "Gateway/g");
  const parts = Object.entries(hosts).map(([name, { answer, regex = ".*" }]) => {
    const route = Route.fromPartial({
      match: { pathSpecifier: { $case: "safeRegex", value: { regex } } },
      action: {
        $case: "directResponse",
        value: { status: 200, body: { specifier: { $case: "inlineString", value: answer } } },
      },
    });
    const host: VirtualHost = { ...VirtualHost.fromPartial({ name }), domains: [`${name}.example`], routes: [route] };
    return fieldPart(2, VirtualHost.encode(host).finish(), `VirtualService/ns/${name}`);
  });
  return resourceFromParts(typeUrls.route, "r", [frame, ...parts]);
}

/** A load balancer that only the cluster itself can provide, on a cluster that provides none. */
function impossibleCluster(name: string): XdsResource {
  const [part] = cluster(name).parts;
  const clusterProvided = Buffer.from([0x30, 0x06]);
  return resourceFromBytes(typeUrls.cluster, name, Buffer.concat([part?.bytes ?? Buffer.of(), clusterProvided]), {
    origin: `Upstream/${name}`,
  });
}

const answerOf = async (host: string): Promise<string> => {
  const { status, body } = await httpGet(`http://127.0.0.1:${port}/`, { headers: { host: `${host}.example` } });
  return `${status} ${body}`;
};
const responses = (typeUrl: string): number => server.metrics.byType.get(typeUrl)?.responses ?? 0;
const quarantined = () =>
  quarantine.list().map(({ origin, name, refusals }) => ({ origin, name, by: refusals.length }));
const hosts = (count: number, answer: string): Record<string, Host> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`host-${index}`, { answer }]));

describe.each(["sotw", "delta"] as const)("a real Envoy refuses, %s", (mode) => {
  async function startOne(id: string): Promise<RunningEnvoy> {
    const envoy = await startEnvoy({ bootstrap: glooBootstrap({ xdsPort, id, delta: mode === "delta" }) });
    envoys.push(envoy);
    return envoy;
  }

  async function start(table: XdsResource): Promise<RunningEnvoy> {
    cache.apply(KEY, { upsert: [listener("http", port, "r"), table], complete: true });
    const envoy = await startOne("envoy-1");
    await waitFor(async () => (await answerOf("host-0")).startsWith("200"));
    return envoy;
  }

  test("a bad regex in one of three virtual hosts: that one stays as it was, the others change, and a repair is taken", async () => {
    await start(table(hosts(3, "old")));
    const edited = { ...hosts(3, "new"), "host-1": { answer: "new", regex: "(unclosed" } };
    cache.apply(KEY, { upsert: [table(edited)] });
    await waitFor(async () => (await answerOf("host-2")) === "200 new");
    expect([await answerOf("host-0"), await answerOf("host-1")]).toEqual(["200 new", "200 old"]);
    expect(quarantine.list()).toMatchObject([
      { name: "r", origin: "VirtualService/ns/host-1", refusals: [{ node: "envoy-1" }], spread: false },
    ]);
    expect(quarantine.list()[0]?.refusals[0]?.message).toContain("(unclosed");
    // The text quotes the regex, so one more response was enough.
    expect(nacks).toHaveLength(1);
    expect(responses(typeUrls.route)).toBe(3);
    cache.apply(KEY, { upsert: [table(hosts(3, "fixed"))] });
    await waitFor(async () => (await answerOf("host-1")) === "200 fixed");
    expect(quarantined()).toEqual([]);
    expect(nacks).toHaveLength(1);
  });

  test("one among a thousand virtual hosts in one table, found within the bound", async () => {
    await start(table(hosts(1000, "old")));
    const before = responses(typeUrls.route);
    const edited = { ...hosts(1000, "new"), "host-700": { answer: "new", regex: "a{2,1}" } };
    cache.apply(KEY, { upsert: [table(edited)] });
    await waitFor(async () => (await answerOf("host-999")) === "200 new");
    await waitFor(() => quarantine.list().length === 1);
    expect(quarantined()).toEqual([{ name: "r", origin: "VirtualService/ns/host-700", by: 1 }]);
    expect([await answerOf("host-0"), await answerOf("host-700")]).toEqual(["200 new", "200 old"]);
    expect(responses(typeUrls.route) - before - 1).toBeLessThanOrEqual(2 * Math.log2(1000) + 2);
  });

  test("impossible clusters among good ones, two at once: the good ones arrive, these stay away", async () => {
    const envoy = await start(table(hosts(1, "old")));
    const before = responses(typeUrls.cluster);
    const good = ["good-1", "good-2", "good-3"].flatMap((name) => [cluster(name), assignment(name, backendPort)]);
    cache.apply(KEY, { upsert: [impossibleCluster("bad-1"), ...good, impossibleCluster("bad-2")] });
    await waitFor(() => quarantine.list().length === 2);
    await waitFor(async () => (await envoy.admin("/clusters")).includes("good-3::"));
    const clusters = await envoy.admin("/clusters");
    for (const name of ["good-1", "good-2"]) expect(clusters).toContain(`${name}::`);
    expect(clusters).not.toContain("bad-");
    expect(quarantined().toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: "bad-1", origin: "Upstream/bad-1", by: 1 },
      { name: "bad-2", origin: "Upstream/bad-2", by: 1 },
    ]);
    expect(responses(typeUrls.cluster) - before - 1).toBeLessThanOrEqual(2 * 2 * Math.log2(5) + 2);
    cache.apply(KEY, { upsert: ["bad-1", "bad-2"].flatMap((name) => [cluster(name), assignment(name, backendPort)]) });
    await waitFor(async () => (await envoy.admin("/clusters")).includes("bad-2::"));
    expect(quarantined()).toEqual([]);
  });

  test("a cluster that has become impossible: its last good version serves on", async () => {
    cache.apply(KEY, { upsert: [cluster("c"), assignment("c", backendPort)] });
    const envoy = await start(table(hosts(1, "old")));
    await waitFor(async () => (await envoy.admin("/clusters")).includes(`c::127.0.0.1:${backendPort}`));
    cache.apply(KEY, { upsert: [impossibleCluster("c")] });
    await waitFor(() => quarantine.list().length === 1);
    cache.apply(KEY, { upsert: [table(hosts(1, "new"))] });
    await waitFor(async () => (await answerOf("host-0")) === "200 new");
    expect(await envoy.admin("/clusters")).toContain(`c::127.0.0.1:${backendPort}`);
    expect(nacks).toHaveLength(1);
  });

  test("a port in use: other listeners open, and other proxies aren't kept from this one", async () => {
    const envoy = await start(table(hosts(1, "old")));
    const another = await freePort();
    cache.apply(KEY, { upsert: [listener("busy", backendPort, "r"), listener("another", another, "r")] });
    await waitFor(() => quarantine.list().length === 1);
    await waitFor(async () => (await envoy.admin("/listeners")).includes("another"));
    expect(quarantine.list()).toMatchObject([{ name: "busy", spread: false, refusals: [{ node: "envoy-1" }] }]);
    expect(quarantine.list()[0]?.refusals[0]?.message).toMatch(/in use|cannot bind/i);
    expect(await answerOf("host-0")).toBe("200 old");
    await startOne("envoy-2");
    await waitFor(() => quarantine.list()[0]?.refusals.length === 2);
    expect(quarantine.list()).toMatchObject([{ name: "busy", spread: false }]);
  });

  test("what two proxies refuse a third one isn't sent: it begins with the last good version", async () => {
    await start(table(hosts(2, "old")));
    await startOne("envoy-2");
    await waitFor(() => server.streams().length === 2 && server.streams().every(({ types }) => types.length >= 3));
    cache.apply(KEY, { upsert: [table({ ...hosts(2, "new"), "host-1": { answer: "new", regex: "(unclosed" } })] });
    await waitFor(() => quarantine.list()[0]?.refusals.length === 2);
    expect(quarantine.list()).toMatchObject([{ origin: "VirtualService/ns/host-1", spread: true }]);
    const third = await startOne("envoy-3");
    await third.live();
    const config = await waitFor(async () => {
      const text = JSON.stringify(await third.configDump());
      return text.includes("host-1.example") && text;
    });
    expect(config).not.toContain("(unclosed");
    expect(nacks.map(({ node }) => node.id).toSorted((a, b) => a.localeCompare(b))).toEqual(["envoy-1", "envoy-2"]);
    await waitFor(async () => (await answerOf("host-0")) === "200 new");
    expect(await answerOf("host-1")).toBe("200 old");
  });

  test("with a canary, one of three tries new routes first: what it refuses the others are never sent", async () => {
    quarantine.setCanaryTimeout(10_000);
    await start(table(hosts(2, "old")));
    const others = [await startOne("envoy-2"), await startOne("envoy-3")];
    const routesOf = async (envoy: RunningEnvoy) => JSON.stringify(await envoy.configDump());
    for (const envoy of others) await waitFor(async () => (await routesOf(envoy)).includes("host-1.example"));
    cache.apply(KEY, { upsert: [table({ ...hosts(2, "new"), "host-1": { answer: "bad", regex: "(unclosed" } })] });
    for (const envoy of others) await waitFor(async () => (await routesOf(envoy)).includes("new"));
    for (const envoy of others) expect(await routesOf(envoy)).not.toContain("(unclosed");
    expect(nacks.map(({ node }) => node.id)).toEqual(["envoy-1"]);
    expect(quarantine.list()).toMatchObject([{ origin: "VirtualService/ns/host-1", spread: true }]);
    cache.apply(KEY, { upsert: [table(hosts(2, "fixed"))] });
    for (const envoy of others) await waitFor(async () => (await routesOf(envoy)).includes("fixed"));
    expect(quarantined()).toEqual([]);
  });

  test("a route and a cluster at once: each is found, and all else is in force", async () => {
    const envoy = await start(table(hosts(2, "old")));
    cache.apply(KEY, {
      upsert: [
        impossibleCluster("bad"),
        cluster("good"),
        assignment("good", backendPort),
        table({ ...hosts(2, "new"), "host-1": { answer: "new", regex: "(" } }),
      ],
    });
    await waitFor(() => quarantine.list().length === 2);
    await waitFor(async () => (await answerOf("host-0")) === "200 new");
    expect(await answerOf("host-1")).toBe("200 old");
    await waitFor(async () => (await envoy.admin("/clusters")).includes("good::"));
    expect(quarantined().map(({ origin }) => origin)).toEqual(
      expect.arrayContaining(["Upstream/bad", "VirtualService/ns/host-1"]),
    );
  });
});
