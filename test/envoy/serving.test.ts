import { afterAll, beforeAll, expect, test } from "vitest";
import { tables } from "../../generated/envoy/tables.ts";
import { toJson } from "../../src/resources/index.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { translateYaml, upstreamYaml, virtualHostYaml } from "./support/input.ts";

const to = (name: string) => `{single: {upstream: {name: ${name}, namespace: gloo-system}}}`;
const half = (name: string) => `{destination: {upstream: {name: ${name}, namespace: gloo-system}}, weight: 1}`;

/** A catch-all stands last: whatever falls through to it answers 299. */
const routes = `
- {matchers: [{regex: "/faulty/(?=x)"}], routeAction: ${to("petstore")}}
- {matchers: [{prefix: /header, headers: [{name: x, value: "(", regex: true}]}], routeAction: ${to("petstore")}}
- {matchers: [{prefix: /missing}], routeAction: ${to("nowhere")}}
- {matchers: [{prefix: /guarded}], routeAction: ${to("petstore")}, options: {rbac: {}}}
- {matchers: [{prefix: /half}], routeAction: {multi: {destinations: [${half("gone")}, ${half("echo")}]}}}
- {directResponseAction: {status: 299}}
`;

let envoy: RunningEnvoy;
let base: string;

beforeAll(async () => {
  const [port, echo] = [await freePort(), await freePort()];
  const input = upstreamYaml("petstore") + upstreamYaml("echo", `static: {hosts: [{addr: 127.0.0.1, port: ${echo}}]}`);
  const { virtualHosts, upstreams } = translateYaml(virtualHostYaml(routes, "domains: ['*']") + input);
  const json = (typeName: string, message: unknown) => toJson(tables.message(typeName), message);
  const listener = (at: number, virtualHost: unknown) => ({
    address: { socketAddress: { address: "127.0.0.1", portValue: at } },
    filterChains: [{ filters: [{ name: "http", typedConfig: manager(virtualHost) }] }],
  });
  const answer = {
    name: "echo",
    domains: ["*"],
    routes: [{ match: { prefix: "/" }, directResponse: { status: 200 } }],
  };
  envoy = await startEnvoy({
    bootstrap: {
      staticResources: {
        listeners: [
          listener(port, json("envoy.config.route.v3.VirtualHost", virtualHosts[0]?.virtualHost)),
          listener(echo, answer),
        ],
        clusters: upstreams.map(({ cluster }) => json("envoy.config.cluster.v3.Cluster", cluster)),
      },
    },
  });
  await envoy.live();
  base = `http://127.0.0.1:${port}`;
});

afterAll(() => envoy.stop());

const router = { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" };
const manager = (virtualHost: unknown) => ({
  "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
  statPrefix: "http",
  routeConfig: { validateClusters: false, virtualHosts: [virtualHost] },
  httpFilters: [{ name: "envoy.filters.http.router", typedConfig: router }],
});

test.each([
  ["/faulty/x", 500],
  ["/faulty/anything", 500],
  ["/header", 500],
  ["/missing", 503],
  ["/guarded", 503],
  ["/other", 299],
])("a real Envoy answers %s with %d", async (path, status) => {
  expect((await httpGet(base + path)).status).toBe(status);
});

test("of weighted destinations only the share of the missing one answers 503", async () => {
  const statuses = await Promise.all(Array.from({ length: 60 }, async () => (await httpGet(`${base}/half`)).status));
  expect(new Set(statuses)).toEqual(new Set([200, 503]));
});
