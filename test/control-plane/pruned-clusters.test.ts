import { expect, it } from "vitest";
import { translationSettings } from "../../src/envoy/index.ts";
import { createChain } from "./support/chain.ts";

const document = (kind: string, name: string, spec: object): string =>
  `${JSON.stringify({ apiVersion: `${kind === "Upstream" ? "gloo" : "gateway"}.solo.io/v1`, kind, metadata: { name, namespace: "gloo-system" }, spec })}\n---\n`;
const gateway = (name: string, bindPort: number, proxy: string, virtualService: string): string =>
  document("Gateway", name, {
    bindAddress: "::",
    bindPort,
    httpGateway: { virtualServices: [{ name: virtualService, namespace: "gloo-system" }] },
    proxyNames: [proxy],
  });
const upstream = (name: string): string => document("Upstream", name, { consul: { serviceName: name } });
const delegated = (name: string, table: string): string =>
  document("VirtualService", name, {
    virtualHost: {
      domains: [`${name}.test`],
      routes: [{ matchers: [{ prefix: "/" }], delegateAction: { ref: { name: table, namespace: "gloo-system" } } }],
    },
  });
const table = (name: string, target: string): string =>
  document("RouteTable", name, {
    routes: [
      {
        matchers: [{ prefix: "/" }],
        routeAction: { single: { upstream: { name: target, namespace: "gloo-system" } } },
      },
    ],
  });

/** Names that each proxy is served, of one type. */
function servedBy(chain: ReturnType<typeof createChain>, type: string): Record<string, string[]> {
  const byProxy: Record<string, string[]> = {};
  for (const key of chain.envoy.served.keys()) {
    const { snapshotKey, resource } = chain.envoy.served.get(key) ?? {};
    if (snapshotKey === undefined || resource?.typeUrl.endsWith(type) !== true) continue;
    (byProxy[snapshotKey] ??= []).push(resource.name);
  }
  return byProxy;
}

it("a proxy gets the clusters and endpoints that its routes reach, also through tables; or all, where the settings say so", () => {
  const chain = createChain();
  for (const name of ["one", "two", "three"]) {
    chain.endpoints.set(`gloo-system/${name}`, [{ address: "10.0.0.1", port: 80 }]);
  }
  chain.apply(
    ["one", "two", "three"].map(upstream).join("") +
      gateway("gw-a", 8080, "a", "vs-a") +
      gateway("gw-b", 8081, "b", "vs-b") +
      delegated("vs-a", "rt-a") +
      delegated("vs-b", "rt-b") +
      table("rt-a", "one") +
      table("rt-b", "two"),
  );
  const [one, two, three] = ["one_gloo-system", "two_gloo-system", "three_gloo-system"] as const;
  const both = (expected: Record<string, readonly string[]>): void => {
    expect(servedBy(chain, ".Cluster")).toEqual(expected);
    expect(servedBy(chain, ".ClusterLoadAssignment")).toEqual(expected);
  };
  both({ "gloo-system~a": [one], "gloo-system~b": [two] });
  chain.apply(table("rt-a", "three"));
  both({ "gloo-system~a": [three], "gloo-system~b": [two] });
  const pruning = translationSettings(undefined);
  chain.translation.set({ ...pruning, allUpstreams: true });
  chain.graph.flush();
  const all = [one, three, two].toSorted();
  both({ "gloo-system~a": all, "gloo-system~b": all });
  chain.translation.set(pruning);
  chain.graph.flush();
  both({ "gloo-system~a": [three], "gloo-system~b": [two] });
});

it("a proxy gets all clusters while one of its routes takes its cluster from a header", () => {
  const chain = createChain();
  for (const name of ["one", "two"]) chain.endpoints.set(`gloo-system/${name}`, [{ address: "10.0.0.1", port: 80 }]);
  const chosen = (header: object): string =>
    document("VirtualService", "vs-a", {
      virtualHost: { domains: ["a.test"], routes: [{ matchers: [{ prefix: "/" }], ...header }] },
    });
  const byHeader = { routeAction: { clusterHeader: "x-cluster" } };
  chain.apply(
    ["one", "two"].map(upstream).join("") +
      gateway("gw-a", 8080, "a", "vs-a") +
      gateway("gw-b", 8081, "b", "vs-b") +
      chosen(byHeader) +
      delegated("vs-b", "rt-b") +
      table("rt-b", "two"),
  );
  const [one, two] = ["one_gloo-system", "two_gloo-system"] as const;
  expect(servedBy(chain, ".Cluster")).toEqual({ "gloo-system~a": [one, two], "gloo-system~b": [two] });
  expect(servedBy(chain, ".ClusterLoadAssignment")).toEqual(servedBy(chain, ".Cluster"));
  chain.apply(chosen({ directResponseAction: { status: 200 } }));
  expect(servedBy(chain, ".Cluster")).toEqual({ "gloo-system~b": [two] });
});
