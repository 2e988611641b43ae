// File saved → a real Envoy serves it, by number of virtual services; beside it Envoy alone, and the start of everything.
// Usage: node bench/propagation.ts [--smoke] [--n 100,1000] [--changes 20] [--sotw] [--eager-stats]
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { glooBootstrap, startEnvoy } from "../test/support/envoy.ts";
import { freePort } from "../test/support/free-port.ts";
import { benchOptions, median, quantile, type Row, report, rounded } from "./support/bench-run.ts";
import { startControlPlane } from "./support/control-plane-process.ts";
import { domainOf, type Ports, pathOf, save, virtualService, writeDataFolder } from "./support/data-folder.ts";
import { startEchoUpstream } from "./support/echo-upstream.ts";
import { startEnvoyAlone } from "./support/envoy-alone.ts";
import { createProbe, type Probe } from "./support/probe.ts";
import { cpuMs, memoryMb, untilIdle } from "./support/process-usage.ts";

const options = benchOptions({ sizes: [100, 1_000, 5_000, 10_000], smokeSizes: [20] });
const sotw = process.argv.includes("--sotw");
const eagerStats = process.argv.includes("--eager-stats");
/** As in the bootstrap that `epoxy proxy bootstrap` makes. */
const DEFERRED_STATS = { deferred_stat_options: { enable_deferred_creation_stats: true } };
const PAUSE_BETWEEN_CHANGES_MS = 100;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Times of changes, each of another domain, spread over all. What a change saves is made before the clock starts. */
async function timeChanges(
  n: number,
  probe: Probe,
  prepare: (index: number, path: string) => () => void,
): Promise<readonly number[]> {
  const times: number[] = [];
  const warmUp = 3;
  for (let round = 0; round < warmUp + options.changes; round++) {
    const index = Math.floor((n * (round + 0.5)) / (warmUp + options.changes));
    const path = `/mk-${round}`;
    const change = prepare(index, path);
    await pause(PAUSE_BETWEEN_CHANGES_MS);
    const start = performance.now();
    change();
    const served = await probe.until(domainOf(index), path);
    if (round >= warmUp) times.push(Math.max(0, served - start));
  }
  return times;
}

async function measureFiles(folder: string, n: number, ports: Ports): Promise<Row> {
  writeDataFolder(folder, n, ports);
  const controlPlane = await startControlPlane(folder);
  const gloo = glooBootstrap({ xdsPort: controlPlane.xdsPort, delta: !sotw });
  const envoy = await startEnvoy({ bootstrap: eagerStats ? gloo : { ...gloo, ...DEFERRED_STATS } });
  const probe = await createProbe(ports.gateway);
  try {
    // The last of each kind to be asked for; served means that all is.
    for (const index of new Set([0, n >> 1, n - 1])) await probe.until(domainOf(index), "/start");
    const cold = performance.now() - controlPlane.started;
    const coldCpu = [cpuMs(controlPlane.pid), cpuMs(envoy.pid)] as const;
    const coldMemory = memoryMb(controlPlane.pid);
    await untilStatusesWritten(folder, n);
    const idle = performance.now() - controlPlane.started;
    await untilIdle(controlPlane.pid);
    const cpu = [cpuMs(controlPlane.pid), cpuMs(envoy.pid)] as const;
    const times = await timeChanges(n, probe, (index, path) => {
      const text = virtualService(index, path);
      return () => save(pathOf(folder, "virtualservices", `vs-${index}`), text);
    });
    const rounds = options.changes + 3;
    return {
      n,
      "median ms": rounded(median(times)),
      "p95 ms": rounded(quantile(times, 0.95)),
      "CPU ms": rounded((cpuMs(controlPlane.pid) - cpu[0]) / rounds),
      "Envoy CPU ms": rounded((cpuMs(envoy.pid) - cpu[1]) / rounds),
      "cold start ms": Math.round(cold),
      "its CPU ms": coldCpu[0],
      "Envoy's": coldCpu[1],
      "statuses written ms": Math.round(idle),
      "RSS MB": memoryMb(controlPlane.pid).now,
      "peak MB": Math.max(coldMemory.peak, memoryMb(controlPlane.pid).peak),
      "Envoy MB": memoryMb(envoy.pid).now,
    };
  } finally {
    probe.close();
    await envoy.stop();
    await controlPlane.stop();
  }
}

/** Looks into the files, since a control plane that gives way to others, or waits for the disk, may seem idle before. */
async function untilStatusesWritten(folder: string, n: number): Promise<void> {
  const missing = Array.from({ length: n }, (_, index) => [
    pathOf(folder, "virtualservices", `vs-${index}`),
    pathOf(folder, "upstreams", `us-${index}`),
  ]).flat();
  while (missing.length > 0) {
    const path = missing.at(-1) as string;
    if (/^status:/m.test(readFileSync(path, "utf8"))) missing.pop();
    else await pause(50);
  }
}

async function measureEnvoyAlone(folder: string, n: number, ports: Ports): Promise<Row> {
  const alone = await startEnvoyAlone(folder, n, ports);
  const probe = await createProbe(ports.gateway);
  try {
    await probe.until(domainOf(n - 1), "/start");
    const times = await timeChanges(n, probe, alone.prepare);
    return { "Envoy alone median ms": rounded(median(times)), "p95 ": rounded(quantile(times, 0.95)) };
  } finally {
    probe.close();
    await alone.envoy.stop();
  }
}

const rows: Row[] = [];
const backend = await startEchoUpstream();
for (const n of options.sizes) {
  const folder = mkdtempSync(join(tmpdir(), "epoxy-bench-"));
  try {
    const row = await measureFiles(join(folder, "data"), n, { gateway: await freePort(), backend: backend.port });
    const floor = await measureEnvoyAlone(join(folder, "alone"), n, {
      gateway: await freePort(),
      backend: backend.port,
    });
    rows.push({ ...row, ...floor });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
await backend.close();
await report("propagation", rows);
