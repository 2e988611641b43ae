// Key put into Consul → a real Envoy serves it, and apart from that → a client of ours has been sent it, which is all that the control plane
// does. Beside it the least that anybody needs: a blocking read of the prefix, and JSON.parse.
// Usage: node bench/consul.ts [--smoke] [--n 100,1000] [--changes 20]
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { typeUrls } from "../src/xds/index.ts";
import { type RunningConsul, startConsul } from "../test/support/consul.ts";
import { glooBootstrap, startEnvoy } from "../test/support/envoy.ts";
import { freePort } from "../test/support/free-port.ts";
import { openAdsStream } from "../test/xds/support/ads-stream.ts";
import { benchOptions, median, quantile, type Row, report, rounded } from "./support/bench-run.ts";
import { type RunningControlPlane, startControlPlane } from "./support/control-plane-process.ts";
import { domainOf, gateway, type Ports, settings, upstream, virtualService } from "./support/data-folder.ts";
import { startEchoUpstream } from "./support/echo-upstream.ts";
import { createProbe } from "./support/probe.ts";
import { cpuMs } from "./support/process-usage.ts";

const options = benchOptions({ sizes: [100, 1_000, 5_000, 10_000], smokeSizes: [20] });
const VIRTUAL_SERVICES = "gloo/gateway.solo.io/v1/VirtualService/";
const keyOf = (index: number): string => `${VIRTUAL_SERVICES}gloo-system/vs-${index}`;
/** What an earlier start has written, so that nobody waits for ten thousand statuses here; those of changed keys are written anew. */
const accepted = `namespacedStatuses:
  statuses:
    gloo-system: {state: Accepted, reportedBy: gloo}
`;
const served = `namespacedStatuses:
  statuses:
    gloo-system:
      state: Accepted
      reportedBy: gateway
      subresourceStatuses: {"*v1.Proxy.gloo-system.gateway-proxy": {state: Accepted, reportedBy: gloo}}
`;
/** Operations that one transaction may have. */
const TRANSACTION = 64;
const WARM_UP = 3;

/** Consul's HTTP API over kept connections: a new one for each request would be most of the time. */
function createApi(port: number) {
  const agent = new Agent({ keepAlive: true });
  return {
    call(method: string, path: string, body?: string) {
      return new Promise<{ readonly index: number; readonly body: string }>((resolve, reject) => {
        const outgoing = request({ host: "127.0.0.1", port, method, path, agent }, (incoming) => {
          let text = "";
          incoming.setEncoding("utf8").on("data", (part: string) => {
            text += part;
          });
          incoming.once("end", () => resolve({ index: Number(incoming.headers["x-consul-index"]), body: text }));
        });
        outgoing.once("error", reject).end(body);
      });
    },
    close: () => agent.destroy(),
  };
}
type Api = ReturnType<typeof createApi>;

async function fill(api: Api, n: number, ports: Ports): Promise<void> {
  const entries: [string, string][] = [
    ["gloo/gateway.solo.io/v1/Gateway/gloo-system/gateway-proxy", gateway(ports.gateway)],
  ];
  for (let index = 0; index < n; index++) {
    entries.push([keyOf(index), virtualService(index, "/start") + served]);
    entries.push([`gloo/gloo.solo.io/v1/Upstream/gloo-system/us-${index}`, upstream(index, ports.backend) + accepted]);
  }
  for (let at = 0; at < entries.length; at += TRANSACTION) {
    const operations = entries.slice(at, at + TRANSACTION).map(([Key, text]) => ({
      KV: { Verb: "set", Key, Value: Buffer.from(text).toString("base64") },
    }));
    await api.call("PUT", "/v1/txn", JSON.stringify(operations));
  }
}

/** Times of a blocking read that sees one change each, parsed. */
async function bare(api: Api, n: number): Promise<number[]> {
  const times: number[] = [];
  const path = `/v1/kv/${VIRTUAL_SERVICES}?recurse`;
  for (let round = 0; round < WARM_UP + options.changes; round++) {
    const { index } = await api.call("GET", path);
    const read = api.call("GET", `${path}&index=${index}&wait=60s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const at = (round * 7_919) % n;
    const start = performance.now();
    await api.call("PUT", `/v1/kv/${keyOf(at)}`, virtualService(at, `/bare-${round}`));
    JSON.parse((await read).body);
    if (round >= WARM_UP) times.push(performance.now() - start);
  }
  return times;
}

/** Until nothing is left to do of the last change, its status included, which is a change of its key, too. */
async function idle(pid: number): Promise<void> {
  for (let before = Number.NEGATIVE_INFINITY; cpuMs(pid) - before > 10; ) {
    before = cpuMs(pid);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Times until a client that plays an Envoy has been sent a change. */
async function sent(api: Api, n: number, { pid, xdsPort }: RunningControlPlane, ports: Ports): Promise<number[]> {
  const tableOf = (index: number) => `listener-127.0.0.1-${ports.gateway}-routes/gloo-system_vs-${index}`;
  const changed = Array.from({ length: WARM_UP + options.changes }, (_, round) => (round * 7_919 + 1) % n);
  let awaited: { readonly text: string; done(at: number): void; fail(error: Error): void } | undefined;
  const stream = openAdsStream(xdsPort, "gloo-system~gateway-proxy", {
    onResponse: ({ bytes }) => awaited !== undefined && bytes.includes(awaited.text) && awaited.done(performance.now()),
    onEnd: (error) => awaited?.fail(error),
  });
  const until = (text: string) =>
    new Promise<number>((done, fail) => {
      awaited = { text, done, fail };
    });
  stream.subscribe(typeUrls.route, [...new Set(changed.map(tableOf))]);
  const times: number[] = [];
  for (const [round, index] of changed.entries()) {
    await idle(pid);
    const start = performance.now();
    const arrived = until(`/sent-${round}`);
    await api.call("PUT", `/v1/kv/${keyOf(index)}`, virtualService(index, `/sent-${round}`));
    const at = await arrived;
    if (round >= WARM_UP) times.push(at - start);
  }
  awaited = undefined;
  stream.close();
  return times;
}

async function measure(consul: RunningConsul, folder: string, n: number, ports: Ports): Promise<Row> {
  const api = createApi(consul.port);
  await fill(api, n, ports);
  mkdirSync(join(folder, "gloo-system"), { recursive: true });
  const source = `consul: {address: "${consul.address}"}\nconsulKvSource: {}\n`;
  writeFileSync(join(folder, "gloo-system", "default.yaml"), settings(source));
  const start = performance.now();
  const controlPlane = await startControlPlane(folder);
  const envoy = await startEnvoy({ bootstrap: glooBootstrap({ xdsPort: controlPlane.xdsPort, delta: true }) });
  const probe = await createProbe(ports.gateway);
  try {
    await waitServed(probe, n);
    const cold = performance.now() - start;
    const times: number[] = [];
    for (let round = 0; round < WARM_UP + options.changes; round++) {
      const index = (round * 7_919) % n;
      await idle(controlPlane.pid);
      const begun = performance.now();
      await api.call("PUT", `/v1/kv/${keyOf(index)}`, virtualService(index, `/mk-${round}`));
      const served = await probe.until(domainOf(index), `/mk-${round}`);
      if (round >= WARM_UP) times.push(Math.max(0, served - begun));
    }
    // Nor Envoy's work, from here on.
    await envoy.stop();
    const toWire = await sent(api, n, controlPlane, ports);
    await controlPlane.stop();
    const floor = await bare(api, n);
    const ratio = (part: readonly number[]) => Math.round((100 * median(part)) / median(floor)) / 100;
    return {
      n,
      "median ms": rounded(median(times)),
      "p95 ms": rounded(quantile(times, 0.95)),
      "sent median ms": rounded(median(toWire)),
      "bare read median ms": rounded(median(floor)),
      ratio: ratio(times),
      "ratio sent": ratio(toWire),
      "cold start ms": Math.round(cold),
    };
  } finally {
    probe.close();
    api.close();
    await envoy.stop();
    await controlPlane.stop();
  }
}

async function waitServed(probe: Awaited<ReturnType<typeof createProbe>>, n: number): Promise<void> {
  for (let found = false; !found; ) {
    const { status } = await probe.get(domainOf(n - 1));
    found = status === 200;
    if (!found) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const rows: Row[] = [];
const backend = await startEchoUpstream();
for (const n of options.sizes) {
  const folder = mkdtempSync(join(tmpdir(), "epoxy-bench-"));
  const consul = await startConsul();
  try {
    rows.push(await measure(consul, folder, n, { gateway: await freePort(), backend: backend.port }));
  } finally {
    await consul.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
await backend.close();
await report("consul", rows);
