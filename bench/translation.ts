// Translation alone, in one process: from edited resources to encoded ones, no files, no gRPC, no Envoy; and which stage takes how much of it.
// Usage: node bench/translation.ts [--smoke] [--n 100,1000] [--changes 20]
import { createChain, type Chain, resourcesOf } from "../test/control-plane/support/chain.ts";
import { type Resource, refKey, refOf } from "../src/resources/index.ts";
import { benchOptions, median, type Row, report, rounded } from "./support/bench-run.ts";

const options = benchOptions({ sizes: [100, 1_000, 10_000], smokeSizes: [50] });

const document = (kind: string, name: string, spec: string, group = "gateway"): string =>
  `apiVersion: ${group}.solo.io/v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: gloo-system, labels: {team: a}}\nspec: ${spec}\n---\n`;
const routeTo = (upstream: string, prefix: string, rewrite: string): string =>
  `{matchers: [{prefix: ${prefix}}], options: {prefixRewrite: ${rewrite}}, routeAction: {single: {upstream: {name: ${upstream}, namespace: gloo-system}}}}`;
const virtualService = (index: number, rewrite: string): string =>
  document(
    "VirtualService",
    `vs-${index}`,
    `{virtualHost: {domains: [d${index}.test], routes: [${routeTo(`us-${index}`, "/", rewrite)}]}}`,
  );
const upstream = (index: number, port: number): string =>
  document("Upstream", `us-${index}`, `{static: {hosts: [{addr: 127.0.0.1, port: ${port}}]}}`, "gloo");
const ROUTES_PER_TABLE = 10;
const table = (index: number, rewrite: string, upstreamOf: (route: number) => string): string => {
  const routes = Array.from({ length: ROUTES_PER_TABLE }, (_, route) =>
    routeTo(upstreamOf(index * ROUTES_PER_TABLE + route), `/t${index}/r${route}`, rewrite),
  );
  return document("RouteTable", `rt-${index}`, `{routes: [${routes.join(", ")}]}`);
};

type Parsed = ReturnType<typeof resourcesOf>;
const keyOf = (resource: Resource): string => refKey(refOf(resource));

/** Functions of the graph, by the layer that its collections are named after; the rest is the graph itself, hashing and the cache. */
const stages = ["gateway", "envoy", "status"] as const;
type Times = Readonly<Record<(typeof stages)[number] | "total", number>>;

interface Rig {
  readonly chain: Chain;
  /** Milliseconds of a flush after the edits; reading YAML isn't part of it. */
  flush(edits: Parsed): Times;
}

function createRig(): Rig {
  let spent: Record<string, number> = {};
  const timed = <F extends (...args: never) => unknown>(name: string, fn: F): F =>
    ((...args: never) => {
      const start = performance.now();
      try {
        return fn(...args);
      } finally {
        const stage = name.slice(0, name.indexOf("/"));
        spent[stage] = (spent[stage] ?? 0) + performance.now() - start;
      }
    }) as F;
  const chain = createChain({}, undefined, (graph) => {
    const observe = (method: "derive" | "deriveMany" | "join") => {
      const make = graph[method].bind(graph) as (...args: unknown[]) => unknown;
      return (name: string, input: unknown, fn: (...args: never) => unknown, ...more: unknown[]) =>
        make(name, input, timed(name, fn), ...more);
    };
    const methods = { derive: observe("derive"), deriveMany: observe("deriveMany"), join: observe("join") };
    return new Proxy(graph, {
      get(target, property) {
        if (Object.hasOwn(methods, property)) return methods[property as keyof typeof methods];
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  });
  return {
    chain,
    flush(edits) {
      for (const { kind, resource } of edits) chain.source(kind).set(keyOf(resource), resource);
      spent = {};
      const start = performance.now();
      chain.graph.flush();
      const total = performance.now() - start;
      const { gateway = 0, envoy = 0, status = 0 } = spent;
      return { gateway, envoy, status, total };
    },
  };
}

/** The medians of changes, each parsed beforehand, after as many that warm up. */
function changes(rig: Rig, n: number, make: (index: number, round: number) => Parsed): Row {
  const times = Array.from({ length: 2 * options.changes }, (_, round) => rig.flush(make((round * 7_919) % n, round)));
  const measured = times.slice(options.changes);
  const of = (part: keyof Times): number => rounded(median(measured.map((it) => it[part])));
  const rest = ({ total, ...parts }: Times) => total - stages.reduce((sum, stage) => sum + parts[stage], 0);
  return {
    "one change ms": of("total"),
    "in gateway": of("gateway"),
    "in envoy": of("envoy"),
    "in statuses": of("status"),
    "in graph and cache": rounded(median(measured.map(rest))),
  };
}

function build(rig: Rig, n: number, parsed: Parsed): Row {
  const { total } = rig.flush(parsed);
  return { "build ms": rounded(total), "routes/s": Math.round((1_000 * n) / total) };
}

function oneEach(n: number): Row[] {
  const rig = createRig();
  const text = Array.from({ length: n }, (_, index) => virtualService(index, "/start") + upstream(index, 80));
  const base = { n, shape: "a domain each" };
  const built = build(rig, n, text.flatMap(resourcesOf));
  const edit = (make: (index: number, round: number) => string) =>
    changes(rig, n, (index, round) => resourcesOf(make(index, round)));
  const endpoints = (round: number): Parsed => {
    rig.chain.endpoints.set("gloo-system/us-0", [{ address: "127.0.0.1", port: 1 + round }]);
    return [];
  };
  return [
    { ...base, change: "virtual service", ...built, ...edit((index, round) => virtualService(index, `/mk-${round}`)) },
    { ...base, change: "upstream", ...edit((index, round) => upstream(index, 1_000 + round)) },
    { ...base, change: "endpoints", ...changes(rig, n, (_index, round) => endpoints(round)) },
  ];
}

function oneDomain(n: number, by: "reference" | "selector", upstreams: "one upstream" | "an upstream each"): Row[] {
  const rig = createRig();
  const tables = Math.ceil(n / ROUTES_PER_TABLE);
  const upstreamOf = (route: number) => (upstreams === "one upstream" ? "us-0" : `us-${route}`);
  const delegate = (prefix: string, action: string) => `{matchers: [{prefix: ${prefix}}], delegateAction: {${action}}}`;
  const delegations =
    by === "selector"
      ? [delegate("/", "selector: {labels: {team: a}}")]
      : Array.from({ length: tables }, (_, index) =>
          delegate(`/t${index}/`, `ref: {name: rt-${index}, namespace: gloo-system}`),
        );
  const virtualHost = `{virtualHost: {domains: [one.test], routes: [${delegations.join(", ")}]}}`;
  const parsed = [
    ...resourcesOf(document("VirtualService", "one", virtualHost)),
    ...Array.from({ length: upstreams === "one upstream" ? 1 : n }, (_, index) =>
      resourcesOf(upstream(index, 80)),
    ).flat(),
    ...Array.from({ length: tables }, (_, index) => resourcesOf(table(index, "/start", upstreamOf))).flat(),
  ];
  const built = build(rig, n, parsed);
  const edit = changes(rig, tables, (index, round) => resourcesOf(table(index, `/mk-${round}`, upstreamOf)));
  return [{ n, shape: `one domain, by ${by}, ${upstreams}`, change: "route table", ...built, ...edit }];
}

await report(
  "translation",
  options.sizes.flatMap((n) => [
    ...oneEach(n),
    ...oneDomain(n, "reference", "one upstream"),
    ...oneDomain(n, "reference", "an upstream each"),
    ...oneDomain(n, "selector", "one upstream"),
  ]),
);
