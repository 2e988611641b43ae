import { beforeEach, expect, it } from "vitest";
import type { Graph } from "../../src/collections/index.ts";
import { type Chain, createChain } from "./support/chain.ts";

const document = (kind: string, name: string, spec: object, labels: object = {}): string =>
  `${JSON.stringify({ apiVersion: `${kind === "Upstream" ? "gloo" : "gateway"}.solo.io/v1`, kind, metadata: { name, namespace: "gloo-system", labels }, spec })}\n---\n`;
const route = (action: object): object => ({ matchers: [{ prefix: "/" }], ...action });
const to = (name: string): object =>
  route({ routeAction: { single: { upstream: { name, namespace: "gloo-system" } } } });
const virtualService = (name: string, target: object): string =>
  document("VirtualService", name, { virtualHost: { domains: [`${name}.test`], routes: [target] } });
const delegating = (name: string, table: string): string =>
  virtualService(name, route({ delegateAction: { ref: { name: table, namespace: "gloo-system" } } }));
const table = (name: string, target: object): string => document("RouteTable", name, { routes: [target] });
const selecting = (name: string, selector: object): string =>
  virtualService(name, route({ delegateAction: { selector } }));
const upstream = (name: string, timeout = "1s"): string =>
  document("Upstream", name, { consul: { serviceName: name }, connectionConfig: { connectTimeout: timeout } });

/** Functions of the graph that ran, by the collection that they make: the keys that they ran for. */
let ran: Map<string, Set<string>>;

function observe(graph: Graph): Graph {
  const wrap =
    (method: "derive" | "deriveMany" | "join") =>
    (name: string, input: unknown, fn: (...args: unknown[]) => unknown, ...more: unknown[]): unknown => {
      const observed = (...args: unknown[]): unknown => {
        const keys = ran.get(name) ?? new Set();
        ran.set(name, keys.add(String(args[1])));
        return fn(...args);
      };
      return (graph[method] as (...args: unknown[]) => unknown)(name, input, observed, ...more);
    };
  const wrapped: Record<string, unknown> = {
    derive: wrap("derive"),
    deriveMany: wrap("deriveMany"),
    join: wrap("join"),
  };
  return new Proxy(graph, {
    get(target, property) {
      const value: unknown = wrapped[String(property)] ?? Reflect.get(target, property, target);
      return typeof value === "function" && !(String(property) in wrapped) ? value.bind(target) : value;
    },
  });
}

const NAMES = ["red", "green", "blue"] as const;
let chain: Chain;
/** Resources that were sent anew, or removed, as `<type> <name>`. */
let served: string[];

/** Two virtual services that delegate to a table each and one that doesn't, with an upstream each. */
beforeEach(() => {
  ran = new Map();
  served = [];
  chain = createChain({}, undefined, observe);
  for (const name of NAMES) chain.endpoints.set(`gloo-system/${name}`, [{ address: "10.0.0.1", port: 80 }]);
  chain.apply(
    document("Gateway", "gw", { bindAddress: "::", bindPort: 8080, httpGateway: {} }) +
      NAMES.map((name) => upstream(name)).join("") +
      table("red", to("red")) +
      table("green", to("green")) +
      delegating("red", "red") +
      delegating("green", "green") +
      virtualService("blue", to("blue")),
  );
  chain.envoy.served.subscribe((changes) => {
    served.push(...changes.map(({ key }) => key.slice(key.lastIndexOf(".") + 1).replace("|", " ")));
  });
  if (concerned().length < NAMES.length) throw new Error("at the start, functions run for all resources");
  ran.clear();
});

/** Whose resources any function ran for. */
const concerned = (): string[] => {
  const keys = [...ran.values()].flatMap((of) => [...of]);
  return NAMES.filter((name) => keys.some((key) => key.includes(name)));
};
const layers = (): string[] => [...new Set([...ran.keys()].map((name) => name.slice(0, name.indexOf("/"))))].toSorted();

it("a changed route table is translated for the virtual services that delegate to it, and for no other", () => {
  chain.apply(table("red", route({ directResponseAction: { status: 200, body: "edited" } })));
  expect(concerned()).toEqual(["red"]);
  expect(layers()).toEqual(["envoy", "gateway", "status"]);
  expect(served.filter((it) => it.startsWith("RouteConfiguration"))).toHaveLength(1);
});

it("a changed upstream is translated by itself, and no route is while it stays valid", () => {
  chain.apply(upstream("red", "2s"));
  expect(concerned()).toEqual(["red"]);
  expect([...ran.keys()].filter((name) => /^gateway|virtual-host|route|listener/.test(name))).toEqual([]);
  expect(served).toEqual(["Cluster red_gloo-system"]);
});

it("an upstream that goes has the routes translated that lead to it, and no other", () => {
  chain.remove("Upstream", "red");
  expect(concerned()).toEqual(["red"]);
  expect([...(ran.get("envoy/virtual-hosts") ?? [])]).toEqual([expect.stringContaining("red")]);
  expect(layers()).not.toContain("gateway");
});

it("a changed endpoint touches its assignment and nothing else", () => {
  chain.endpoints.set("gloo-system/red", [{ address: "10.0.0.1", port: 81 }]);
  chain.graph.flush();
  expect(served).toEqual(["ClusterLoadAssignment red_gloo-system"]);
  expect([...ran.keys()].toSorted()).toEqual(["envoy/assignment-resources", "envoy/served", "envoy/served-clusters"]);
  expect(concerned()).toEqual(["red"]);
});

const expression = (key: string, operator: string, ...values: string[]): object => ({ key, operator, values });
const others = (name: string): string[] => ["none", ...NAMES].filter((other) => other !== name);
/** Labels by which the selectors of one name, and no other, find a table, whatever their operator. */
const labelsFor = (name: string): object => ({
  app: name,
  [name]: "yes",
  rank: String(["none", ...NAMES].indexOf(name)),
  ...Object.fromEntries(others(name).map((other) => [`not-${other}`, "yes"])),
});

it.each([
  ["labels", (app: string) => ({ labels: { app } })],
  ["one of its labels, where another has the same", (app: string) => ({ labels: { all: "yes", app } })],
  ["In", (app: string) => ({ expressions: [expression("app", "In", app, "more")] })],
  ["NotIn", (app: string) => ({ expressions: [expression("app", "NotIn", ...others(app))] })],
  ["NotEquals", (app: string) => ({ expressions: others(app).map((it) => expression("app", "NotEquals", it)) })],
  ["Exists", (app: string) => ({ expressions: [expression(app, "Exists")] })],
  ["DoesNotExist", (app: string) => ({ expressions: [expression(`not-${app}`, "DoesNotExist")] })],
  [
    "GreaterThan and LessThan",
    (app: string) => {
      const rank = NAMES.indexOf(app as never) + 1;
      return {
        namespaces: ["*"],
        expressions: [expression("rank", "GreaterThan", `${rank - 1}`), expression("rank", "LessThan", `${rank + 1}`)],
      };
    },
  ],
])("a route table that comes, is labelled anew or goes concerns the virtual services that select it by %s", (_, by) => {
  chain.apply(NAMES.map((name) => selecting(name, by(name))).join(""));
  const labelled = (name: string, spec: object = { routes: [] }) =>
    chain.apply(document("RouteTable", "new", spec, { all: "yes", ...labelsFor(name) }));
  const edited = { routes: [route({ directResponseAction: { status: 200 } })] };
  const steps: [() => void, string[]][] = [
    [() => labelled("none"), []],
    [() => labelled("none", edited), []],
    [() => labelled("red"), ["red"]],
    [() => labelled("red", edited), ["red"]],
    [() => labelled("green"), ["red", "green"]],
    [() => labelled("green", { routes: [], weight: 3 }), ["green"]],
    [() => labelled("none"), ["green"]],
    [() => chain.remove("RouteTable", "new"), []],
  ];
  for (const [edit, expected] of steps) {
    ran.clear();
    edit();
    expect(concerned()).toEqual(expected);
  }
});

it("a virtual service that begins to select tables, or ends it, concerns no other that selects the same ones", () => {
  const selectors = { red: { labels: { app: "one" } }, green: { expressions: [expression("app", "Exists")] } };
  chain.apply(document("RouteTable", "new", { routes: [] }, { app: "one" }) + selecting("red", selectors.red));
  for (const target of [
    selecting("green", selectors.red),
    selecting("green", selectors.green),
    delegating("green", "new"),
  ]) {
    ran.clear();
    chain.apply(target);
    // All tables of the namespace are looked at for a new selector, and so the one that is called "red".
    expect([...(ran.get("gateway/translated") ?? [])]).toEqual([expect.stringContaining("green")]);
  }
});

it("an edit of what a gateway says of its listener alone is no virtual service's concern", () => {
  chain.apply(
    document("Gateway", "gw", {
      bindAddress: "::",
      bindPort: 8080,
      httpGateway: { options: { httpConnectionManagerSettings: { via: "edited" } } },
      options: { perConnectionBufferLimitBytes: 4096 },
    }),
  );
  expect(concerned()).toEqual([]);
  expect(layers()).toContain("gateway");
});
