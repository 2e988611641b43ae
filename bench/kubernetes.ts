// Custom resource written → a real Envoy serves it, and → a client of ours has been sent it, which is all that the control plane does.
// Of the same write: when a bare watch has it, which nobody can be faster than. Then what the validating webhook adds to a write.
// Usage: node bench/kubernetes.ts [--smoke] [--n 100,1000] [--changes 20]
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "js-yaml";
import { kinds } from "../generated/sdk/index.ts";
import { typeUrls } from "../src/xds/index.ts";
import { type Authority, createAuthority } from "../test/support/certificates.ts";
import { glooBootstrap, startEnvoy } from "../test/support/envoy.ts";
import { freePort } from "../test/support/free-port.ts";
import { generatedCrds } from "../test/support/kubernetes/crds.ts";
import { type KubeCluster, startKubeCluster } from "../test/support/kubernetes/start-cluster.ts";
import { connect, type XdsClient } from "../test/xds/support/grpc-client.ts";
import { benchOptions, median, quantile, type Row, report, rounded } from "./support/bench-run.ts";
import { startControlPlane } from "./support/control-plane-process.ts";
import { domainOf, gateway, type Ports, settings, upstream, virtualService } from "./support/data-folder.ts";
import { startEchoUpstream } from "./support/echo-upstream.ts";
import { createKubeApi, type KubeApi } from "./support/kubernetes-api.ts";
import { createProbe, type Probe } from "./support/probe.ts";
import { cpuMs } from "./support/process-usage.ts";
import { measureWebhook } from "./support/webhook-cost.ts";

const options = benchOptions({ sizes: [100, 1_000, 5_000], smokeSizes: [20] });
const WARM_UP = 3;
const WRITERS = 16;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const pathOf = (group: "gateway" | "gloo", plural: string): string =>
  `/apis/${group}.solo.io/v1/namespaces/gloo-system/${plural}`;
const virtualServices = pathOf("gateway", "virtualservices");

/** The object of what a file would hold. */
function objectOf(apiVersion: string, kind: string, yaml: string): object {
  const { metadata, ...spec } = load(yaml) as Record<string, unknown>;
  return { apiVersion, kind, metadata, spec };
}

async function fill(api: KubeApi, n: number, ports: Ports): Promise<void> {
  await api.call("POST", "/api/v1/namespaces", { metadata: { name: "gloo-system" } });
  const queue: (readonly [string, object])[] = [
    [pathOf("gateway", "gateways"), objectOf("gateway.solo.io/v1", "Gateway", gateway(ports.gateway))],
  ];
  for (let index = 0; index < n; index++) {
    queue.push([virtualServices, objectOf("gateway.solo.io/v1", "VirtualService", virtualService(index, "/start"))]);
    queue.push([pathOf("gloo", "upstreams"), objectOf("gloo.solo.io/v1", "Upstream", upstream(index, ports.backend))]);
  }
  const write = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) await api.call("POST", ...next);
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}

const routesTo = (index: number, path: string): object =>
  ({ spec: (objectOf("", "", virtualService(index, path)) as { readonly spec: object }).spec }) as const;

/** Tells when something with a text has come. */
function createArrivals() {
  let wanted: { readonly text: string; readonly arrived: (at: number) => void } | undefined;
  return {
    until: (text: string): Promise<number> =>
      new Promise((resolve) => {
        wanted = { text, arrived: resolve };
      }),
    see(content: { includes(text: string): boolean }): void {
      if (wanted === undefined || !content.includes(wanted.text)) return;
      wanted.arrived(performance.now());
      wanted = undefined;
    },
  };
}
type Arrivals = ReturnType<typeof createArrivals>;

/** Plays an Envoy that has asked for these route tables. */
function followRoutes(client: XdsClient, names: readonly string[], arrivals: Arrivals): void {
  const stream = client.stream("delta", { node: { id: "bench", metadata: { role: "gloo-system~gateway-proxy" } } });
  stream.send({ typeUrl: typeUrls.route, subscribe: names });
  const read = async (): Promise<never> => {
    for (;;) {
      const answer = await stream.next();
      for (const content of Object.values(answer.resources)) arrivals.see(content);
      stream.ack(answer);
    }
  };
  // It ends with its connection.
  read().catch(() => {});
}

interface Times {
  readonly watched: number[];
  readonly sent: number[];
  readonly served: number[];
}

async function timeChanges(api: KubeApi, probe: Probe, xdsPort: number, n: number, port: number): Promise<Times> {
  const changed = Array.from({ length: WARM_UP + options.changes }, (_, round) => (round * 7_919) % n);
  const [watch, stream] = [createArrivals(), createArrivals()];
  await api.watch(virtualServices, watch.see);
  await using client = connect(xdsPort);
  const names = changed.map((index) => `listener-127.0.0.1-${port}-routes/gloo-system_vs-${index}`);
  followRoutes(client, [...new Set(names)], stream);
  const times: Times = { watched: [], sent: [], served: [] };
  for (const [round, index] of changed.entries()) {
    const path = `/changed-${round}-`;
    await pause(200);
    const arrivals = [watch.until(path), stream.until(path)];
    const begun = performance.now();
    const writing = api.call("PATCH", `${virtualServices}/vs-${index}`, routesTo(index, path));
    const served = await probe.until(domainOf(index), path);
    const [watched = 0, sent = 0] = await Promise.all(arrivals);
    await writing;
    if (round < WARM_UP) continue;
    times.watched.push(watched - begun);
    times.sent.push(sent - begun);
    times.served.push(served - begun);
  }
  return times;
}

const differences = (a: readonly number[], b: readonly number[]): readonly number[] =>
  a.map((value, index) => value - (b[index] ?? Number.NaN));

interface Place {
  readonly folder: string;
  readonly cluster: KubeCluster;
  readonly authority: Authority;
  readonly ports: Ports;
}

async function measure(
  n: number,
  { folder, cluster, authority, ports }: Place,
): Promise<readonly [Row, readonly Row[]]> {
  const api = createKubeApi(cluster.address);
  await cluster.createCrds(generatedCrds(...kinds.filter(({ kind }) => kind !== "Secret" && kind !== "Artifact")));
  await fill(api, n, ports);
  const { cert, key } = await authority.issue(`webhook-${n}`);
  mkdirSync(join(folder, "gloo-system"), { recursive: true });
  const sources = ["ConfigSource", "SecretSource", "ArtifactSource"].map((it) => `kubernetes${it}: {}\n`).join("");
  const files = `validationWebhookTlsCert: ${cert}, validationWebhookTlsKey: ${key}`;
  const validation = `gateway: {validation: {alwaysAccept: false, ${files}}}\n`;
  writeFileSync(join(folder, "gloo-system", "default.yaml"), settings(sources + validation));
  const KUBECONFIG = await cluster.kubeconfig();
  const start = performance.now();
  const controlPlane = await startControlPlane(folder, { KUBECONFIG });
  const envoy = await startEnvoy({ bootstrap: glooBootstrap({ xdsPort: controlPlane.xdsPort, delta: true }) });
  const probe = await createProbe(ports.gateway);
  try {
    await probe.until(domainOf(n - 1), "/start");
    const cold = performance.now() - start;
    // Statuses of the start are changed objects, too.
    for (let before = -1; cpuMs(controlPlane.pid) - before > 10; ) {
      before = cpuMs(controlPlane.pid);
      await pause(500);
    }
    const cpu = cpuMs(controlPlane.pid);
    const { watched, sent, served } = await timeChanges(api, probe, controlPlane.xdsPort, n, ports.gateway);
    const [sentAfter, servedAfter] = [differences(sent, watched), differences(served, watched)];
    const row: Row = {
      n,
      "watched median ms": rounded(median(watched)),
      "sent median ms": rounded(median(sent)),
      "served median ms": rounded(median(served)),
      "served p95 ms": rounded(quantile(served, 0.95)),
      "sent - watched median": rounded(median(sentAfter)),
      "sent - watched p95": rounded(quantile(sentAfter, 0.95)),
      "served - watched median": rounded(median(servedAfter)),
      "served - watched p95": rounded(quantile(servedAfter, 0.95)),
      "CPU ms": rounded((cpuMs(controlPlane.pid) - cpu) / (WARM_UP + options.changes)),
      "cold start ms": Math.round(cold),
    };
    const webhook = { port: controlPlane.webhookPort ?? 0, authority: readFileSync(authority.ca, "utf8") };
    return [row, await measureWebhook(api, { n, rounds: options.changes, webhook })];
  } finally {
    probe.close();
    api.close();
    await envoy.stop();
    await controlPlane.stop();
  }
}

const rows: Row[] = [];
const webhookRows: Row[] = [];
const backend = await startEchoUpstream();
const authority = await createAuthority();
for (const n of options.sizes) {
  const folder = mkdtempSync(join(tmpdir(), "epoxy-bench-"));
  const cluster = await startKubeCluster();
  try {
    const ports = { gateway: await freePort(), backend: backend.port };
    const [row, webhook] = await measure(n, { folder, cluster, authority, ports });
    rows.push(row);
    webhookRows.push(...webhook);
  } finally {
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
await authority[Symbol.asyncDispose]();
await backend.close();
await report("kubernetes", rows);
process.stdout.write("\nWrites with and without the validating webhook, and the webhook asked directly\n");
await report("kubernetes-webhook", webhookRows);
