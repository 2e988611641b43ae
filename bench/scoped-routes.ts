// The ways to choose among many virtual hosts, side by side: one plain table, tables by scope as Epoxy cuts them and without its filter, virtual hosts
// on demand (VHDS). Cold start, memory, requests per second, a change. Usage: node bench/scoped-routes.ts [--smoke] [--n 1000,5000] [--changes 40]
import { glooBootstrap, type RunningEnvoy, startEnvoy } from "../test/support/envoy.ts";
import { freePort } from "../test/support/free-port.ts";
import { createChain } from "../test/control-plane/support/chain.ts";
import { benchOptions, median, type Row, report, rounded } from "./support/bench-run.ts";
import { askAll, load } from "./support/http-load.ts";
import { serveVirtualHosts } from "./support/virtual-host-discovery.ts";
import { createProbe } from "./support/probe.ts";
import { cpuMs, memoryMb } from "./support/process-usage.ts";
import { dropScopeFilter } from "./support/without-scope-filter.ts";

const options = benchOptions({ sizes: [1_000, 5_000], smokeSizes: [20] });
/** Each way gets a turn in each round, so that what the machine does besides meets all of them. */
const ROUNDS = options.smoke ? 1 : 9;
const REQUESTS = options.smoke ? 1_000 : 20_000;
const PROXY = "gloo-system~gateway-proxy";
const meta = (name: string) => `metadata: {name: ${name}, namespace: gloo-system}`;
const virtualService = (name: string, domain: string, body: string): string =>
  `apiVersion: gateway.solo.io/v1\nkind: VirtualService\n${meta(name)}\nspec: {virtualHost: {domains: ["${domain}"], routes: [{directResponseAction: {status: 200, body: ${body}}}]}}\n---\n`;

const ways = ["one table", "by scope", "no filter", "no filter, by host", "on demand"] as const;
type Way = (typeof ways)[number];

/** A server of N domains and a wildcard, which on demand alone leaves out: it is asked for hosts, not for wildcards. */
interface Rig {
  readonly xdsPort: number;
  change(domain: string, name: string, body: string): void;
  close(): Promise<void>;
}

async function onDemand(n: number, port: number): Promise<Rig> {
  const hosts = new Map(Array.from({ length: n }, (_, index) => [`d${index}.test`, "start"]));
  const served = await serveVirtualHosts(port, "bench", hosts);
  return { ...served, change: (domain, _name, body) => served.change(domain, body) };
}

async function translated(n: number, port: number, way: Exclude<Way, "on demand">): Promise<Rig> {
  const chain = createChain({ scopedRoutes: way !== "one table" });
  chain.apply(
    `apiVersion: gateway.solo.io/v1\nkind: Gateway\n${meta("gateway-proxy")}\nspec: {bindAddress: 127.0.0.1, bindPort: ${port}, httpGateway: {}, proxyNames: [gateway-proxy]}\n---\n`,
  );
  const all = Array.from({ length: n }, (_, index) => virtualService(`vs-${index}`, `d${index}.test`, "start"));
  chain.apply(all.join("") + virtualService("wildcard", "*.wild.test", "wild"));
  if (way === "no filter") dropScopeFilter(chain.cache, PROXY, "header");
  if (way === "no filter, by host") dropScopeFilter(chain.cache, PROXY, "host");
  const server = await chain.serve();
  return {
    xdsPort: server.port,
    change: (domain, name, body) => chain.apply(virtualService(name, domain, body)),
    close: () => server.close(),
  };
}

/** What one way is asked for, and what it took. */
interface Contestant {
  readonly way: Way;
  readonly port: number;
  readonly rig: Rig;
  readonly envoy: RunningEnvoy;
  readonly start: Row;
  /** By title of a column. */
  readonly hosts: ReadonlyMap<string, string>;
  /** Microseconds of Envoy's CPU per request, by that title; then requests per second. */
  readonly cpu: Map<string, number[]>;
  readonly perSecond: number[];
}

const EXACT = "exact µs";

async function startContestant(n: number, way: Way): Promise<Contestant> {
  const port = await freePort();
  const rig = await (way === "on demand" ? onDemand(n, port) : translated(n, port, way));
  const before = performance.now();
  const envoy = await startEnvoy({ bootstrap: glooBootstrap({ xdsPort: rig.xdsPort, delta: true }) });
  const domains = Array.from({ length: n }, (_, index) => `d${index}.test`);
  const probe = await createProbe(port);
  await probe.until(domains[0] as string, "start");
  probe.close();
  await askAll(port, domains);
  const cold = performance.now() - before;
  const start = {
    "cold start ms": Math.round(cold),
    "its CPU ms": cpuMs(envoy.pid),
    "Envoy MB": memoryMb(envoy.pid).now,
  };
  const hosts = new Map([[EXACT, `d${n >> 1}.test`]]);
  if (!way.startsWith("no filter")) hosts.set("upper case µs", `D${n >> 1}.TEST`);
  if (way === "one table" || way === "by scope") hosts.set("wildcard µs", "a.wild.test");
  return { way, port, rig, envoy, start, hosts, cpu: new Map(), perSecond: [] };
}

async function ask({ port, envoy, hosts, cpu, perSecond }: Contestant): Promise<void> {
  for (const [title, host] of hosts) {
    await load(port, host, REQUESTS / 10);
    const before = cpuMs(envoy.pid);
    const took = await load(port, host, REQUESTS);
    cpu.set(title, [...(cpu.get(title) ?? []), (1_000 * (cpuMs(envoy.pid) - before)) / REQUESTS]);
    if (title === EXACT) perSecond.push((1_000 * REQUESTS) / took);
  }
}

/** Envoy's CPU for a change, and how long it takes from the translation on until it is served. */
async function change(n: number, { port, rig, envoy }: Contestant): Promise<Row> {
  const probe = await createProbe(port);
  const times: number[] = [];
  const before = cpuMs(envoy.pid);
  for (let round = 0; round < options.changes; round++) {
    const index = (round * 7_919) % n;
    const start = performance.now();
    rig.change(`d${index}.test`, `vs-${index}`, `mk-${round}`);
    times.push((await probe.until(`d${index}.test`, `mk-${round}`)) - start);
  }
  probe.close();
  return {
    "change ms": rounded(Math.max(0, median(times))),
    "its Envoy CPU ms": rounded((cpuMs(envoy.pid) - before) / options.changes),
  };
}

async function measure(n: number): Promise<Row[]> {
  const contestants: Contestant[] = [];
  try {
    for (const way of ways) contestants.push(await startContestant(n, way));
    for (let round = 0; round < ROUNDS; round++) for (const contestant of contestants) await ask(contestant);
    const rows: Row[] = [];
    for (const contestant of contestants) {
      const { way, start, cpu, perSecond } = contestant;
      const perRequest = [EXACT, "upper case µs", "wildcard µs"].map((title) => {
        const values = cpu.get(title);
        return [title, values === undefined ? "–" : rounded(median(values))] as const;
      });
      const requests = { "requests/s": Math.round(median(perSecond)), ...Object.fromEntries(perRequest) };
      rows.push({ n, way, ...start, ...requests, ...(await change(n, contestant)) });
    }
    return rows;
  } finally {
    for (const { envoy, rig } of contestants) {
      await envoy.stop();
      await rig.close();
    }
  }
}

const rows: Row[] = [];
for (const n of options.sizes) rows.push(...(await measure(n)));
await report("scoped-routes", rows);
