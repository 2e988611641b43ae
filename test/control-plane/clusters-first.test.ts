import { expect, test } from "vitest";
import { sendClustersFirst } from "../../src/control-plane/clusters-first.ts";
import { createXdsCache, typeUrls, type XdsCache } from "../../src/xds/index.ts";
import { createChain } from "./support/chain.ts";

const resource = (kind: string, name: string, spec: object): string =>
  `${JSON.stringify({ apiVersion: `${kind === "Upstream" ? "gloo" : "gateway"}.solo.io/v1`, kind, metadata: { name, namespace: "gloo-system" }, spec })}\n---\n`;
const gateway = (name: string, bindPort: number, proxy: string, virtualService: string): string =>
  resource("Gateway", name, {
    bindAddress: "::",
    bindPort,
    httpGateway: { virtualServices: [{ name: virtualService, namespace: "gloo-system" }] },
    proxyNames: [proxy],
  });
const fixed = (name: string): string =>
  resource("Upstream", name, { static: { hosts: [{ addr: "127.0.0.1", port: 80 }] } });
const to = (name: string) => ({ upstream: { name, namespace: "gloo-system" } });
const virtualService = (name: string, ...routeActions: object[]): string =>
  resource("VirtualService", name, {
    virtualHost: {
      domains: [`${name}.test`],
      routes: routeActions.map((routeAction, index) => ({ matchers: [{ prefix: `/${index}` }], routeAction })),
    },
  });
const RESOURCES =
  ["one", "two", "three", "unused"].map(fixed).join("") +
  resource("Upstream", "found", { consul: { serviceName: "found" } }) +
  gateway("gw-a", 8080, "a", "vs-a") +
  gateway("gw-b", 8081, "b", "vs-b") +
  virtualService("vs-a", { single: to("one") }, { single: to("found") }, { single: to("missing") }) +
  virtualService("vs-b", {
    multi: {
      destinations: [
        { weight: 1, destination: to("two") },
        { weight: 1, destination: to("three") },
      ],
    },
  });

const clustersIn = (cache: XdsCache, key: string): readonly string[] => {
  const dump = cache.dump(key).find(({ typeUrl }) => typeUrl === typeUrls.cluster);
  return Object.keys(dump?.resources ?? {}).sort();
};

/** The graph as it is before virtual hosts are translated. */
function chainBeforeRoutes() {
  const chain = createChain({}, undefined, undefined, false);
  chain.apply(RESOURCES);
  return chain;
}

test("each proxy gets the clusters ahead that its routes name and that need no endpoints of their own, and nothing is complete with that", async () => {
  const chain = chainBeforeRoutes();
  const cache = createXdsCache();
  await sendClustersFirst(cache, chain.gateway.virtualHosts.list(), chain.envoy.clusters);
  expect(clustersIn(cache, "gloo-system~a")).toEqual(["one_gloo-system"]);
  expect(clustersIn(cache, "gloo-system~b")).toEqual(["three_gloo-system", "two_gloo-system"]);
  expect(cache.ready("gloo-system~a", typeUrls.cluster)).toBe(false);
});

test("what went ahead is what the routes reach once they are translated, byte by byte", async () => {
  const chain = chainBeforeRoutes();
  await sendClustersFirst(chain.cache, chain.gateway.virtualHosts.list(), chain.envoy.clusters);
  const ahead = chain.cache.version("gloo-system~b", typeUrls.cluster);
  expect(chain.cache.ready("gloo-system~b")).toBe(false);
  chain.routesDue.set(true);
  chain.graph.flush();
  expect(chain.cache.ready("gloo-system~b")).toBe(true);
  expect(chain.cache.version("gloo-system~b", typeUrls.cluster)).toBe(ahead);
});

test("a proxy for which something is in the cache from before gets nothing ahead of the rest", async () => {
  const chain = chainBeforeRoutes();
  const cache = createXdsCache();
  cache.apply("gloo-system~a", { complete: [typeUrls.listener] });
  await sendClustersFirst(cache, chain.gateway.virtualHosts.list(), chain.envoy.clusters);
  expect(clustersIn(cache, "gloo-system~a")).toEqual([]);
  expect(clustersIn(cache, "gloo-system~b")).toEqual(["three_gloo-system", "two_gloo-system"]);
});

test("what replaces all virtual hosts before routes are due is served whole", async () => {
  const chain = chainBeforeRoutes();
  await sendClustersFirst(chain.cache, chain.gateway.virtualHosts.list(), chain.envoy.clusters);
  // With nothing left to wait for, all is read; and not any more with the next virtual host.
  for (const name of ["vs-a", "vs-b"]) chain.remove("VirtualService", name);
  chain.apply(
    fixed("late") + gateway("gw-a", 8082, "a", "vs-late") + virtualService("vs-late", { single: to("late") }),
  );
  chain.routesDue.set(true);
  chain.graph.flush();
  const { resources = {} } =
    chain.cache.dump("gloo-system~a").find(({ typeUrl }) => typeUrl === typeUrls.listener) ?? {};
  expect(Object.keys(resources)).toEqual([expect.stringContaining("8082")]);
  expect(clustersIn(chain.cache, "gloo-system~a")).toEqual(["late_gloo-system"]);
});
