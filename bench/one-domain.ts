// Gloo's commonest shape: one virtual service whose N routes lie in N/10 delegated route tables. One table saved → served, and apart from that
// → a client of ours has been sent it, which is all that the control plane does.
// Usage: node bench/one-domain.ts [--smoke] [--n 100,1000] [--changes 20]
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { typeUrls } from "../src/xds/index.ts";
import { glooBootstrap, startEnvoy } from "../test/support/envoy.ts";
import { freePort } from "../test/support/free-port.ts";
import { openAdsStream } from "../test/xds/support/ads-stream.ts";
import { benchOptions, median, quantile, type Row, report, rounded } from "./support/bench-run.ts";
import { type RunningControlPlane, startControlPlane } from "./support/control-plane-process.ts";
import { filesSource, gateway, pathOf, save, settings, upstream } from "./support/data-folder.ts";
import { startEchoUpstream } from "./support/echo-upstream.ts";
import { startEnvoyAlone } from "./support/envoy-alone.ts";
import { createProbe } from "./support/probe.ts";
import { cpuMs, untilIdle } from "./support/process-usage.ts";

const options = benchOptions({ sizes: [100, 1_000, 5_000, 10_000], smokeSizes: [50] });
const ROUTES_PER_TABLE = 10;
const WARM_UP = 3;
const HOST = "one.example.com";
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const routeTable = (table: number, rewrite: string): string => `metadata: {name: rt-${table}, namespace: gloo-system}
routes:
${Array.from(
  { length: ROUTES_PER_TABLE },
  (_, route) => `- matchers: [{prefix: /t${table}/r${route}}]
  options: {prefixRewrite: ${rewrite}}
  routeAction: {single: {upstream: {name: backend, namespace: gloo-system}}}
`,
).join("")}`;

function writeFolder(folder: string, tables: number, ports: { gateway: number; backend: number }): void {
  const delegations = Array.from(
    { length: tables },
    (_, table) =>
      `  - matchers: [{prefix: /t${table}/}]\n    delegateAction: {ref: {name: rt-${table}, namespace: gloo-system}}\n`,
  );
  const files: [string, string][] = [
    [join(folder, "gloo-system", "default.yaml"), settings(filesSource)],
    [pathOf(folder, "gateways", "gateway-proxy"), gateway(ports.gateway)],
    [pathOf(folder, "upstreams", "backend"), upstream(0, ports.backend).replace("us-0", "backend")],
    [
      pathOf(folder, "virtualservices", "one"),
      `metadata: {name: one, namespace: gloo-system}\nvirtualHost:\n  domains: [${HOST}]\n  routes:\n${delegations.join("")}`,
    ],
    ...Array.from({ length: tables }, (_, table): [string, string] => [
      pathOf(folder, "routetables", `rt-${table}`),
      routeTable(table, "/start"),
    ]),
  ];
  for (const [path, text] of files) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

/** Times until a client that plays an Envoy has been sent a change. */
async function sent(
  folder: string,
  tables: number,
  controlPlane: RunningControlPlane,
  gatewayPort: number,
): Promise<number[]> {
  let awaited: { readonly text: string; done(at: number): void; fail(error: Error): void } | undefined;
  const stream = openAdsStream(controlPlane.xdsPort, "gloo-system~gateway-proxy", {
    onResponse: ({ bytes }) => awaited !== undefined && bytes.includes(awaited.text) && awaited.done(performance.now()),
    onEnd: (error) => awaited?.fail(error),
  });
  stream.subscribe(typeUrls.route, [`listener-127.0.0.1-${gatewayPort}-routes/gloo-system_one`]);
  const times: number[] = [];
  for (let round = 0; round < WARM_UP + options.changes; round++) {
    const table = Math.floor((tables * (round + 0.5)) / (WARM_UP + options.changes));
    await pause(200);
    const arrived = new Promise<number>((done, fail) => {
      awaited = { text: `/sent-${round}`, done, fail };
    });
    const start = performance.now();
    save(pathOf(folder, "routetables", `rt-${table}`), routeTable(table, `/sent-${round}`));
    const at = await arrived;
    if (round >= WARM_UP) times.push(at - start);
  }
  awaited = undefined;
  stream.close();
  return times;
}

async function measure(folder: string, n: number, ports: { gateway: number; backend: number }): Promise<Row> {
  const tables = Math.ceil(n / ROUTES_PER_TABLE);
  writeFolder(folder, tables, ports);
  const controlPlane = await startControlPlane(folder);
  const envoy = await startEnvoy({ bootstrap: glooBootstrap({ xdsPort: controlPlane.xdsPort, delta: true }) });
  const probe = await createProbe(ports.gateway);
  try {
    await probe.until(HOST, "/start", { path: `/t${tables - 1}/r0` });
    await untilIdle(controlPlane.pid);
    const times: number[] = [];
    let cpu = 0;
    let envoyCpu = 0;
    for (let round = 0; round < WARM_UP + options.changes; round++) {
      if (round === WARM_UP) [cpu, envoyCpu] = [cpuMs(controlPlane.pid), cpuMs(envoy.pid)];
      const table = Math.floor((tables * (round + 0.5)) / (WARM_UP + options.changes));
      await pause(100);
      const start = performance.now();
      save(pathOf(folder, "routetables", `rt-${table}`), routeTable(table, `/mk-${round}`));
      const served = await probe.until(HOST, `/mk-${round}`, { path: `/t${table}/r0` });
      if (round >= WARM_UP) times.push(Math.max(0, served - start));
    }
    const [ownCpu, ofEnvoy] = [cpuMs(controlPlane.pid) - cpu, cpuMs(envoy.pid) - envoyCpu];
    await envoy.stop();
    return {
      n,
      tables,
      "median ms": rounded(median(times)),
      "p95 ms": rounded(quantile(times, 0.95)),
      "sent median ms": rounded(median(await sent(folder, tables, controlPlane, ports.gateway))),
      "CPU ms": rounded(ownCpu / options.changes),
      "Envoy CPU ms": rounded(ofEnvoy / options.changes),
    };
  } finally {
    probe.close();
    await envoy.stop();
    await controlPlane.stop();
  }
}

/** Envoy alone with as many routes in one virtual host, read from a file. */
async function measureEnvoyAlone(folder: string, n: number, ports: { gateway: number; backend: number }): Promise<Row> {
  const alone = await startEnvoyAlone(folder, n, ports, "one");
  const probe = await createProbe(ports.gateway);
  try {
    await probe.until(HOST, "/start", { path: `/r${n - 1}/` });
    const times: number[] = [];
    for (let round = 0; round < WARM_UP + options.changes; round++) {
      const index = Math.floor((n * (round + 0.5)) / (WARM_UP + options.changes));
      const change = alone.prepare(index, `/mk-${round}`);
      await pause(100);
      const start = performance.now();
      change();
      const served = await probe.until(HOST, `/mk-${round}`, { path: `/r${index}/` });
      if (round >= WARM_UP) times.push(Math.max(0, served - start));
    }
    return { "Envoy alone median ms": rounded(median(times)) };
  } finally {
    probe.close();
    await alone.envoy.stop();
  }
}

const rows: Row[] = [];
const backend = await startEchoUpstream();
for (const n of options.sizes) {
  const folder = mkdtempSync(join(tmpdir(), "epoxy-bench-"));
  const ports = async () => ({ gateway: await freePort(), backend: backend.port });
  try {
    const row = await measure(join(folder, "data"), n, await ports());
    rows.push({ ...row, ...(await measureEnvoyAlone(join(folder, "alone"), n, await ports())) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
await backend.close();
await report("one-domain", rows);
