// What choosing route tables by scope costs and saves: Envoy's CPU per request, its memory, and its CPU for the first configuration and for a
// change, against one plain table, and against virtual hosts on demand (VHDS). Usage: node bench/scoped-routes.ts [--smoke] [--n 100,1000]
import { connect } from "node:net";
import { glooBootstrap, startEnvoy } from "../test/support/envoy.ts";
import { freePort } from "../test/support/free-port.ts";
import { createChain } from "../test/control-plane/support/chain.ts";
import { benchOptions, type Row, report, rounded } from "./support/bench-run.ts";
import { serveVirtualHosts } from "./support/virtual-host-discovery.ts";
import { createProbe } from "./support/probe.ts";
import { cpuMs, memoryMb } from "./support/process-usage.ts";

const options = benchOptions({ sizes: [1_000, 5_000], smokeSizes: [20] });
const REQUESTS = options.smoke ? 2_000 : 40_000;
const CHANGES = options.smoke ? 5 : 100;
const meta = (name: string) => `metadata: {name: ${name}, namespace: gloo-system}`;
const virtualService = (name: string, domain: string, body: string): string =>
  `apiVersion: gateway.solo.io/v1\nkind: VirtualService\n${meta(name)}\nspec: {virtualHost: {domains: ["${domain}"], routes: [{directResponseAction: {status: 200, body: ${body}}}]}}\n---\n`;

const CONNECTIONS = 8;

/** Sends requests for a host, one after the other on each of some connections. */
async function load(port: number, host: string, count: number): Promise<void> {
  await Promise.all(Array.from({ length: CONNECTIONS }, () => loadOne(port, host, Math.ceil(count / CONNECTIONS))));
}

function loadOne(port: number, host: string, count: number): Promise<void> {
  const text = `GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`;
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text)).setEncoding("latin1");
    let answered = 0;
    socket.once("error", reject);
    socket.on("data", (data: string) => {
      // These answers are too short to come in two pieces.
      if (!data.startsWith("HTTP/1.1 200")) reject(new Error(`${host} got ${data.slice(0, 40)}`));
      else if (++answered < count) return void socket.write(text);
      else resolve();
      socket.destroy();
    });
  });
}

type Way = "one table" | "by scope" | "on demand";

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

async function translated(n: number, port: number, scopedRoutes: boolean): Promise<Rig> {
  const chain = createChain({ scopedRoutes });
  chain.apply(
    `apiVersion: gateway.solo.io/v1\nkind: Gateway\n${meta("gateway-proxy")}\nspec: {bindAddress: 127.0.0.1, bindPort: ${port}, httpGateway: {}, proxyNames: [gateway-proxy]}\n---\n`,
  );
  const all = Array.from({ length: n }, (_, index) => virtualService(`vs-${index}`, `d${index}.test`, "start"));
  chain.apply(all.join("") + virtualService("wildcard", "*.wild.test", "wild"));
  const server = await chain.serve();
  return {
    xdsPort: server.port,
    change: (domain, name, body) => chain.apply(virtualService(name, domain, body)),
    close: () => server.close(),
  };
}

async function measure(n: number, way: Way): Promise<Row> {
  const port = await freePort();
  const rig = await (way === "on demand" ? onDemand(n, port) : translated(n, port, way === "by scope"));
  const start = performance.now();
  const envoy = await startEnvoy({ bootstrap: glooBootstrap({ xdsPort: rig.xdsPort, delta: true }) });
  const probe = await createProbe(port);
  try {
    await probe.until(`d${n - 1}.test`, "start");
    // On demand a first request is what loads a domain.
    for (let index = 0; index < n; index++) await probe.until(`d${index}.test`, "start");
    const cold = performance.now() - start;
    const first = cpuMs(envoy.pid);
    const perRequest = async (host: string): Promise<number> => {
      await load(port, host, REQUESTS / 10);
      const before = cpuMs(envoy.pid);
      await load(port, host, REQUESTS);
      return rounded((1_000 * (cpuMs(envoy.pid) - before)) / REQUESTS);
    };
    const exact = await perRequest(`d${n >> 1}.test`);
    const row = {
      n,
      way,
      "exact µs": exact,
      "requests/s of a core": Math.round(1_000_000 / exact),
      "upper case µs": await perRequest(`D${n >> 1}.TEST`),
      "wildcard µs": way === "on demand" ? "–" : await perRequest("a.wild.test"),
      "all asked once ms": Math.round(cold),
      "first configuration CPU ms": first,
      "Envoy MB": memoryMb(envoy.pid).now,
    };
    const before = cpuMs(envoy.pid);
    for (let change = 0; change < CHANGES; change++) {
      const index = (change * 7_919) % n;
      rig.change(`d${index}.test`, `vs-${index}`, `mk-${change}`);
      await probe.until(`d${index}.test`, `mk-${change}`);
    }
    return { ...row, "change CPU ms": rounded((cpuMs(envoy.pid) - before) / CHANGES) };
  } finally {
    probe.close();
    await envoy.stop();
    await rig.close();
  }
}

const rows: Row[] = [];
const ways: readonly Way[] = ["one table", "by scope", "on demand"];
for (const n of options.sizes) for (const way of ways) rows.push(await measure(n, way));
await report("scoped-routes", rows);
