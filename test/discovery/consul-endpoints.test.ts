import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { UpstreamType } from "../../generated/sdk/gloo/v1.ts";
import { createGraph, type Source } from "../../src/collections/index.ts";
import { createConsulClient } from "../../src/consul/index.ts";
import { type ConsulEndpoint, createConsulEndpointDiscovery, type Discovery } from "../../src/discovery/index.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { httpGet } from "../support/http-get.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

interface Run extends AsyncDisposable {
  readonly upstreams: Source<Upstream>;
  readonly endpoints: Source<readonly ConsulEndpoint[]>;
  readonly discovery: Discovery;
  /** `address:port` of an Upstream's endpoints, sorted; undefined: not known. */
  of(name: string): readonly string[] | undefined;
}

const upstream = (name: string, spec: object = {}): Upstream =>
  UpstreamType.codec.fromPartial({
    metadata: { name, namespace: "gloo-system" },
    upstreamType: { $case: "consul", value: { serviceName: name, ...spec } },
  });

function run(port: number, initial: readonly Upstream[], options: object = {}): Run {
  const client = createConsulClient({ address: `127.0.0.1:${port}` });
  const graph = createGraph();
  const upstreams = graph.source<Upstream>("upstreams");
  const endpoints = graph.source<readonly ConsulEndpoint[]>("endpoints");
  for (const resource of initial) upstreams.set(`gloo-system/${resource.metadata?.name}`, resource);
  upstreams.markSynced();
  graph.flush();
  const discovery = createConsulEndpointDiscovery({ client, upstreams, endpoints, ...options });
  return {
    upstreams,
    endpoints,
    discovery,
    of: (name) =>
      endpoints
        .get(`gloo-system/${name}`)
        ?.map((endpoint) => `${endpoint.address}:${endpoint.port}`)
        .sort(),
    async [Symbol.asyncDispose]() {
      await discovery.close();
      await client.close();
    },
  };
}

let consul: RunningConsul;
beforeAll(async () => {
  consul = await startConsul();
});
afterAll(() => consul.stop());

const within = { timeout: 1_000 };
const is = (actual: readonly string[] | undefined, ...expected: readonly string[]): boolean =>
  actual?.join() === expected.join();

test("an instance that registers, fails or loses its check, passes again or deregisters, shows within a second", async () => {
  await consul.register({ Name: "web", ID: "web1", Address: "10.0.0.1", Port: 8080 });
  await using running = run(consul.port, [upstream("web")]);
  await waitFor(() => is(running.of("web"), "10.0.0.1:8080"));
  expect(running.endpoints.synced).toBe(true);
  const check = { CheckID: "web2-alive", TTL: "60s", Status: "passing" };
  await consul.register({ Name: "web", ID: "web2", Address: "10.0.0.2", Port: 8080, Check: check });
  await waitFor(() => is(running.of("web"), "10.0.0.1:8080", "10.0.0.2:8080"), within);
  await consul.api("PUT", "/v1/agent/check/fail/web2-alive");
  await waitFor(() => is(running.of("web"), "10.0.0.1:8080"), within);
  await consul.api("PUT", "/v1/agent/check/pass/web2-alive");
  await waitFor(() => is(running.of("web"), "10.0.0.1:8080", "10.0.0.2:8080"), within);
  await consul.api("PUT", "/v1/agent/check/warn/web2-alive");
  await waitFor(() => is(running.of("web"), "10.0.0.1:8080"), within);
  await consul.deregister("web1");
  await waitFor(() => is(running.of("web")), within);
  await consul.deregister("web2");
});

test("tags choose instances and become labels, and an edit of them disturbs nothing", async () => {
  await consul.register({ Name: "tagged", ID: "t1", Address: "10.0.1.1", Port: 1, Tags: ["blue", "eu"] });
  await consul.register({ Name: "tagged", ID: "t2", Address: "10.0.1.2", Port: 1, Tags: ["green", "eu"] });
  await consul.register({ Name: "tagged", ID: "t3", Address: "10.0.1.3", Port: 1, Tags: ["green"] });
  await using proxy = await startTcpProxy({ port: consul.port });
  const spec = { subsetTags: ["blue"], instanceTags: ["eu"], dataCenters: ["dc1"] };
  await using running = run(proxy.port, [upstream("tagged", spec)]);
  await waitFor(() => is(running.of("tagged"), "10.0.1.1:1", "10.0.1.2:1"));
  expect(running.endpoints.get("gloo-system/tagged")).toEqual([
    { address: "10.0.1.1", port: 1, labels: { tag_blue: "1", dc_dc1: "1" } },
    { address: "10.0.1.2", port: 1, labels: { tag_blue: "0", dc_dc1: "1" } },
  ]);
  // What is known already is enough for the edited one.
  proxy.cut();
  running.upstreams.set(
    "gloo-system/tagged",
    upstream("tagged", { instanceBlacklistTags: ["eu"], dataCenters: ["dc1"] }),
  );
  await waitFor(() => is(running.of("tagged"), "10.0.1.3:1"));
  running.upstreams.set("gloo-system/tagged", upstream("tagged", { dataCenters: ["elsewhere"] }));
  await waitFor(() => is(running.of("tagged")));
  running.upstreams.delete("gloo-system/tagged");
  await waitFor(() => running.of("tagged") === undefined);
});

test("an instance without an address has its node's, and a host name is resolved", async () => {
  await consul.register({ Name: "plain", Port: 7 });
  await consul.register({ Name: "named", Port: 8, Address: "localhost" });
  await using running = run(consul.port, [upstream("plain"), upstream("named")]);
  await waitFor(() => running.endpoints.synced);
  expect(running.of("plain")).toEqual(["127.0.0.1:7"]);
  expect(running.of("named")).toContain("127.0.0.1:8");
  expect(running.endpoints.get("gloo-system/named")?.[0]).toMatchObject({ hostname: "localhost" });
});

test("more services than queries are followed by a few", async () => {
  const names = Array.from({ length: 12 }, (_, i) => `many-${i}`);
  for (const name of names) await consul.register({ Name: name, Address: "10.0.2.1", Port: 1 });
  await using proxy = await startTcpProxy({ port: consul.port });
  await using running = run(
    proxy.port,
    names.slice(0, 11).map((name) => upstream(name)),
    { maxQueries: 10 },
  );
  await waitFor(() => names.slice(0, 11).every((name) => is(running.of(name), "10.0.2.1:1")));
  const check = { CheckID: "many-3-alive", TTL: "60s", Status: "passing" };
  await consul.register({ Name: "many-3", ID: "second", Address: "10.0.2.2", Port: 1, Check: check });
  await waitFor(() => is(running.of("many-3"), "10.0.2.1:1", "10.0.2.2:1"), within);
  await consul.api("PUT", "/v1/agent/check/fail/many-3-alive");
  await waitFor(() => is(running.of("many-3"), "10.0.2.1:1"), within);
  running.upstreams.set("gloo-system/many-11", upstream("many-11"));
  await waitFor(() => is(running.of("many-11"), "10.0.2.1:1"), within);
  // The two blocking queries, and what reads in between.
  expect(proxy.peak()).toBeLessThan(24);
  for (const name of names.slice(3)) running.upstreams.delete(`gloo-system/${name}`);
  await consul.deregister("many-0");
  await waitFor(() => is(running.of("many-0")), within);
});

test("endpoints stay while Consul is cut off, restarts with its data, or comes back empty; changes arrive after", async () => {
  await using alive = createServer((_, response) => response.end("ok")).listen(0, "127.0.0.1");
  await waitFor(() => alive.listening);
  const address = alive.address();
  const http = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`;
  await using own = await startConsul({ persistent: true });
  const check = { HTTP: http, Interval: "1s" };
  const app = { Name: "app", ID: "app1", Address: "10.0.0.1", Port: 1, Check: check };
  await own.register(app);
  await using proxy = await startTcpProxy({ port: own.port });
  await using running = run(proxy.port, [upstream("app")]);
  await waitFor(() => is(running.of("app"), "10.0.0.1:1"));
  const lost: (readonly string[] | undefined)[] = [];
  running.endpoints.subscribe(() => {
    const now = running.of("app");
    if (now === undefined || now.length === 0) lost.push(now);
  });

  proxy.cut();
  await waitFor(() => running.discovery.waitingFor().some((line) => /ECONNRE/.test(line)));
  await own.register({ Name: "app", ID: "app2", Address: "10.0.0.2", Port: 1 });
  proxy.restore();
  await waitFor(() => is(running.of("app"), "10.0.0.1:1", "10.0.0.2:1"));

  await own.kill();
  await waitFor(() => running.discovery.waitingFor().length > 0);
  await own.start();
  await waitFor(() => running.discovery.waitingFor().length === 0);
  await own.deregister("app2");
  await waitFor(() => is(running.of("app"), "10.0.0.1:1"));

  await own.kill();
  await own.start({ wipe: true });
  const accept = await waitFor(() => running.discovery.waitingFor().find((line) => line.includes("consul kv put")));
  expect(running.of("app")).toEqual(["10.0.0.1:1"]);
  await own.register({ ...app, Address: "10.0.0.9" });
  await waitFor(() => is(running.of("app"), "10.0.0.9:1"));
  expect(lost).toEqual([]);

  const [, key, identity] = /consul kv put (\S+) (\S+)$/.exec(accept) ?? [];
  await own.api("PUT", `/v1/kv/${key}`, identity);
  await waitFor(() => running.discovery.waitingFor().length === 0);
});

test("services that Consul does not show again are given up when an operator accepts the loss", async () => {
  await using own = await startConsul({ persistent: true });
  await own.register({ Name: "app", Address: "10.0.0.1", Port: 1 });
  await using running = run(own.port, [upstream("app")]);
  await waitFor(() => is(running.of("app"), "10.0.0.1:1"));
  await own.kill();
  await own.start({ wipe: true });
  const accept = await waitFor(() => running.discovery.waitingFor().find((line) => line.includes("consul kv put")));
  expect(running.of("app")).toEqual(["10.0.0.1:1"]);
  const [, key, identity] = /consul kv put (\S+) (\S+)$/.exec(accept) ?? [];
  await own.api("PUT", `/v1/kv/${key}`, identity);
  await waitFor(() => is(running.of("app")));
});

test("Upstreams say how Consul is asked: consistency, and the agent's cache", async () => {
  await consul.register({ Name: "asked", Address: "10.0.5.1", Port: 1 });
  const asked: string[] = [];
  await using recorder = createServer((request, response) => {
    asked.push(request.url ?? "");
    void httpGet(`http://${consul.address}${request.url}`, { timeout: 60_000 }).then(
      ({ status, headers, body }) => response.writeHead(status, headers).end(body),
      () => response.destroy(),
    );
  }).listen(0, "127.0.0.1");
  await waitFor(() => recorder.listening);
  const { port } = recorder.address() as AddressInfo;
  const cached = upstream("asked", { queryOptions: { useCache: true } });
  await using running = run(port, [cached], { dataCenters: ["dc1"], consistency: "stale" });
  await waitFor(() => is(running.of("asked"), "10.0.5.1:1"));
  expect(asked.filter((url) => url.includes("/asked"))[0]).toBe("/v1/health/service/asked?dc=dc1&stale=1&cached");
  await consul.register({ Name: "asked", ID: "2", Address: "10.0.5.2", Port: 1 });
  await waitFor(() => is(running.of("asked"), "10.0.5.1:1", "10.0.5.2:1"), within);
  running.upstreams.set("gloo-system/asked", upstream("asked", { consistencyMode: 2 }));
  await waitFor(() => asked.includes("/v1/health/service/asked?dc=dc1&consistent=1"));
  await running.discovery.close();
  recorder.closeAllConnections();
});

test("a datacenter that Consul can't reach holds up nothing, and its endpoints come to those of others", async () => {
  await consul.register({ Name: "spread", Address: "10.0.3.1", Port: 1 });
  await using running = run(consul.port, [upstream("spread")], { dataCenters: ["dc1", "dc2"] });
  await waitFor(() => running.endpoints.synced);
  expect(running.of("spread")).toEqual(["10.0.3.1:1"]);
  expect(running.discovery.waitingFor()).toEqual([expect.stringMatching(/instances of spread.*No path to datacenter/)]);
});

test("the endpoints are not synced while Consul doesn't answer at all, and are as soon as it does", async () => {
  await consul.register({ Name: "late", Address: "10.0.4.1", Port: 1 });
  await using proxy = await startTcpProxy({ port: consul.port });
  proxy.cut();
  await using running = run(proxy.port, [upstream("late")], { dataCenters: ["dc1"] });
  await waitFor(() => running.discovery.waitingFor().some((line) => /doesn't answer/.test(line)));
  expect(running.endpoints.synced).toBe(false);
  proxy.restore();
  await waitFor(() => running.endpoints.synced);
  expect(running.of("late")).toEqual(["10.0.4.1:1"]);
});

test("Upstreams of other types are left alone, and without any the endpoints are synced at once", async () => {
  const fixed = UpstreamType.codec.fromPartial({
    metadata: { name: "fixed", namespace: "gloo-system" },
    upstreamType: { $case: "static", value: {} },
  });
  await using running = run(1, [fixed]);
  await waitFor(() => running.endpoints.synced);
  expect(running.endpoints.keys()).toEqual([]);
  expect(running.discovery.waitingFor()).toEqual([]);
});

test.each([
  ["its datacenters can't be asked for", {}],
  ["its services can't be asked for", { dataCenters: ["dc1"] }],
])("why the endpoints of an upstream aren't known is told until they are: %s", async (_, options) => {
  await consul.register({ Name: "unknown", ID: "unknown1", Address: "10.0.6.1", Port: 1 });
  await using proxy = await startTcpProxy({ port: consul.port });
  proxy.cut();
  const failures = new Map<string, string>();
  await using running = run(proxy.port, [upstream("unknown"), upstream("gone")], { failures, ...options });
  await waitFor(() => failures.size === 2);
  expect(failures.get("gloo-system/unknown")).toContain(`127.0.0.1:${proxy.port}`);
  running.upstreams.delete("gloo-system/gone");
  await waitFor(() => !failures.has("gloo-system/gone"));
  proxy.restore();
  await waitFor(() => is(running.of("unknown"), "10.0.6.1:1"), { timeout: 10_000 });
  expect(failures.size).toBe(0);
  await consul.deregister("unknown1");
});
