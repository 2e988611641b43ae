// Translation alone, in one process: from edited resources to encoded ones, no files, no gRPC, no Envoy.
// Usage: node bench/translation.ts [--smoke] [--n 100,1000] [--changes 20]
import { createChain, type Chain, resourcesOf } from "../test/control-plane/support/chain.ts";
import { type Resource, refKey, refOf } from "../src/resources/index.ts";
import { benchOptions, median, type Row, report, rounded } from "./support/bench-run.ts";

const options = benchOptions({ sizes: [100, 1_000, 10_000], smokeSizes: [50] });

const document = (kind: string, name: string, spec: string, group = "gateway"): string =>
  `apiVersion: ${group}.solo.io/v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: gloo-system}\nspec: ${spec}\n---\n`;
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
const table = (index: number, rewrite: string): string =>
  document(
    "RouteTable",
    `rt-${index}`,
    `{routes: [${Array.from({ length: 10 }, (_, route) => routeTo("us-0", `/t${index}/r${route}`, rewrite)).join(", ")}]}`,
  );

type Parsed = ReturnType<typeof resourcesOf>;
const keyOf = (resource: Resource): string => refKey(refOf(resource));

/** Milliseconds of a flush after the edits; reading YAML isn't part of it. */
function flush(chain: Chain, edits: Parsed): number {
  for (const { kind, resource } of edits) chain.source(kind).set(keyOf(resource), resource);
  const start = performance.now();
  chain.graph.flush();
  return performance.now() - start;
}

/** The median of changes, each parsed beforehand, after as many that warm up. */
function changes(chain: Chain, n: number, make: (index: number, round: number) => string): number {
  const times = Array.from({ length: 2 * options.changes }, (_, round) =>
    flush(chain, resourcesOf(make((round * 7_919) % n, round))),
  );
  return median(times.slice(options.changes));
}

function oneEach(n: number): Row {
  const chain = createChain();
  const text = Array.from({ length: n }, (_, index) => virtualService(index, "/start") + upstream(index, 80));
  const parsed = text.flatMap(resourcesOf);
  const build = flush(chain, parsed);
  const endpoints = (round: number): number => {
    chain.endpoints.set("gloo-system/us-0", [{ address: "127.0.0.1", port: 1 + round }]);
    return flush(chain, []);
  };
  return {
    n,
    shape: "a domain each",
    "build ms": rounded(build),
    "routes/s": Math.round((1_000 * n) / build),
    "virtual service ms": rounded(changes(chain, n, (index, round) => virtualService(index, `/mk-${round}`))),
    "upstream ms": rounded(changes(chain, n, (index, round) => upstream(index, 1_000 + round))),
    "endpoints ms": rounded(median(Array.from({ length: options.changes }, (_, round) => endpoints(round)))),
  };
}

function oneDomain(n: number): Row {
  const chain = createChain();
  const tables = Math.ceil(n / 10);
  const delegations = Array.from(
    { length: tables },
    (_, index) =>
      `{matchers: [{prefix: /t${index}/}], delegateAction: {ref: {name: rt-${index}, namespace: gloo-system}}}`,
  );
  const virtualHost = `{virtualHost: {domains: [one.test], routes: [${delegations.join(", ")}]}}`;
  const parsed = [
    ...resourcesOf(document("VirtualService", "one", virtualHost) + upstream(0, 80)),
    ...Array.from({ length: tables }, (_, index) => resourcesOf(table(index, "/start"))).flat(),
  ];
  const build = flush(chain, parsed);
  return {
    n,
    shape: "one domain",
    "build ms": rounded(build),
    "routes/s": Math.round((1_000 * n) / build),
    "route table ms": rounded(changes(chain, tables, (index, round) => table(index, `/mk-${round}`))),
  };
}

await report(
  "translation",
  options.sizes.flatMap((n) => [oneEach(n), oneDomain(n)]),
);
