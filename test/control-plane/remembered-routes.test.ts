import { expect, it } from "vitest";
import { RouteConfiguration } from "../../generated/envoy/envoy/config/route/v3/route.ts";
import type { Route } from "../../generated/envoy/envoy/config/route/v3/route_components.ts";
import { translationSettings } from "../../src/envoy/index.ts";
import { createChain } from "./support/chain.ts";
import { outcome } from "./support/outcome.ts";
import { memoryOf } from "./support/remembering-graph.ts";

/* What random edits reach too seldom: parts that are remembered, while what they depend on changes around them. */

const document = (kind: string, name: string, spec: object): string =>
  `${JSON.stringify({ apiVersion: "gateway.solo.io/v1", kind, metadata: { name, namespace: "gloo-system" }, spec })}\n---\n`;
const gateway = (name: string, more: object = {}): string =>
  document("Gateway", name, {
    bindAddress: "::",
    bindPort: 8080,
    httpGateway: {},
    proxyNames: ["gateway-proxy"],
    ...more,
  });
const respond = (prefix: string, body: string) => ({
  matchers: [{ prefix }],
  directResponseAction: { status: 200, body },
});
const table = (name: string, ...bodies: string[]): string =>
  document("RouteTable", name, { routes: bodies.map((body, index) => respond(`/${name}/${index}`, body)) });
const delegate = (name: string) => ({
  matchers: [{ prefix: `/${name}` }],
  delegateAction: { ref: { name, namespace: "gloo-system" } },
});
const service = document("VirtualService", "vs", {
  virtualHost: { domains: ["a.test", "*.test"], routes: [delegate("first"), delegate("second")] },
});

/** Applies the steps one after the other, and compares with a translation from scratch after each. */
function checkEach(
  ...steps: { readonly apply?: string; readonly remove?: readonly [kind: string, name: string] }[]
): void {
  const incremental = createChain();
  incremental.graph.flush();
  const present = new Map<string, string>();
  for (const { apply = "", remove } of steps) {
    const memory = memoryOf(incremental.graph);
    for (const text of apply.split("---\n").filter((one) => one !== "")) {
      const { kind, metadata } = JSON.parse(text);
      present.set(`${kind}/${metadata.name}`, `${text}---\n`);
    }
    if (remove !== undefined) {
      present.delete(remove.join("/"));
      incremental.source(remove[0]).delete(`gloo-system/${remove[1]}`);
    }
    incremental.apply(apply);
    const scratch = createChain({}, memory);
    scratch.apply([...present.values()].join(""));
    expect(outcome(incremental)).toEqual(outcome(scratch));
  }
  expect(incremental.envoy.served.size).toBeGreaterThan(3);
}

const start = { apply: gateway("gw") + service + table("first", "one") + table("second", "two", "x".repeat(50)) };

it("routes of an untouched table move when the table before it grows or shrinks", () => {
  checkEach(start, { apply: table("first", "one", "more", "still more") }, { apply: table("first") });
});

it("a limit on the listener reaches the routes of untouched tables", () => {
  checkEach(
    start,
    { apply: gateway("gw", { routeOptions: { maxDirectResponseBodySizeBytes: 10 } }) },
    { apply: gateway("gw") },
  );
});

it("where parts came from is right, also where their bytes stay the same", () => {
  checkEach(start, { apply: gateway("renamed"), remove: ["Gateway", "gw"] });
});

it("of a table that is edited only its own routes are encoded, and those behind it keep theirs", () => {
  const chain = createChain();
  const pieces = () => {
    const key = chain.envoy.served.keys().find((name) => name.endsWith("/gloo-system_vs"));
    return chain.envoy.served.get(key ?? "")?.resource.parts[1]?.pieces ?? [];
  };
  chain.apply(gateway("gw") + service + table("first", "one") + table("second", "two"));
  const before = pieces();
  expect(before).toHaveLength(3);
  chain.apply(table("first", "edited"));
  const after = pieces();
  expect(after.map(({ bytes }, at) => bytes === before[at]?.bytes)).toEqual([false, false, true]);
  expect(Buffer.from(after[1]?.bytes ?? []).includes("edited")).toBe(true);
});

it("tables that a selector finds are sorted together, and only the edited one is encoded again", () => {
  const labelled = (name: string, ...bodies: string[]) =>
    table(name, ...bodies).replace('"metadata":{', '"metadata":{"labels":{"team":"a"},');
  const all = document("VirtualService", "vs", {
    virtualHost: {
      domains: ["a.test"],
      routes: [{ matchers: [{ prefix: "/" }], delegateAction: { selector: { labels: { team: "a" } } } }],
    },
  });
  checkEach(
    {
      apply:
        gateway("gw") + all + labelled("first", "one", "two") + labelled("second", "three") + labelled("third", "x"),
    },
    { apply: labelled("second", "edited", "more") },
    { apply: labelled("first") },
    { remove: ["RouteTable", "third"] },
  );
});

it("a table that a selector finds has the version of its content, whether it was found alone or beside an empty one", () => {
  const found = (name: string, routes: object[]) =>
    document("RouteTable", name, { routes }).replace('"metadata":{', '"metadata":{"labels":{"team":"a"},');
  const all = document("VirtualService", "vs", {
    virtualHost: {
      domains: ["a.test", "*.test"],
      routes: [{ matchers: [{ prefix: "/" }], delegateAction: { selector: { labels: { team: "a" } } } }],
    },
  });
  // Sorted with those of other tables, routes come in runs of one kind of matcher, each a piece of its own.
  const first = found("first", [
    { matchers: [{ exact: "/x" }], directResponseAction: { status: 200, body: "x" } },
    respond("/", "y"),
  ]);
  checkEach(
    { apply: gateway("gw") + all + first },
    { apply: found("second", []) },
    { remove: ["RouteTable", "second"] },
  );
});

const bodyOf = (route: Route | undefined) =>
  route?.action?.$case === "directResponse" ? route.action.value.body?.specifier?.value : undefined;

it.each([true, false])(
  "a faulty virtual host leaves the domains that another has now, and keeps the rest (scopes: %s)",
  (scopedRoutes) => {
    const chain = createChain();
    chain.translation.set({ ...translationSettings(undefined), scopedRoutes });
    const host = (name: string, domains: string[], body: string): string =>
      document("VirtualService", name, { virtualHost: { domains, routes: [respond("/", body)] } });
    /** Of all route configurations, what each domain answers. */
    const bodies = () =>
      chain.envoy.served
        .keys()
        .filter((key) => key.includes("|type.googleapis.com/envoy.config.route.v3.RouteConfiguration|"))
        .map((key) => Buffer.concat(chain.envoy.served.get(key)?.resource.parts.map(({ bytes }) => bytes) ?? []))
        .flatMap((bytes) => RouteConfiguration.decode(bytes).virtualHosts)
        .flatMap(({ domains, routes }) => domains.map((domain) => `${domain}: ${String(bodyOf(routes[0]))}`))
        .sort();
    chain.apply(gateway("gw") + host("vs-2", ["a.test", "b.test", "*.test"], "two"));
    chain.apply(host("vs-1", ["A.test", "*.test"], "one"));
    expect(bodies()).toEqual(["*.test: two", "a.test: two", "b.test: two"]);
    chain.apply(host("vs-2", ["a/b"], "faulty"));
    expect(bodies()).toEqual(["*.test: one", "a.test: one", "b.test: two"]);
    chain.apply(host("vs-3", ["b.test"], "three"));
    expect(bodies()).toEqual(["*.test: one", "a.test: one", "b.test: three"]);
    expect(chain.failures).toEqual([]);
  },
);
