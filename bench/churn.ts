// Sustained changes over many virtual services, with clients that acknowledge: does a backlog grow, does memory?
// Usage: node bench/churn.ts [--smoke] [--n 5000] [--rate 200] [--seconds 60] [--clients 20]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { typeUrls } from "../src/xds/index.ts";
import { connect } from "../test/xds/support/grpc-client.ts";
import { median, quantile, report, rounded } from "./support/bench-run.ts";
import { startControlPlane } from "./support/control-plane-process.ts";
import { pathOf, save, virtualService, writeDataFolder } from "./support/data-folder.ts";
import { cpuMs, memoryMb } from "./support/process-usage.ts";

const { values } = parseArgs({
  options: {
    smoke: { type: "boolean" },
    n: { type: "string" },
    rate: { type: "string" },
    seconds: { type: "string" },
    clients: { type: "string" },
  },
});
const smoke = values.smoke ?? false;
const n = Number(values.n ?? (smoke ? 50 : 5_000));
const rate = Number(values.rate ?? (smoke ? 50 : 200));
const seconds = Number(values.seconds ?? (smoke ? 3 : 60));
const clients = Number(values.clients ?? (smoke ? 2 : 20));
const ROLE = "gloo-system~gateway-proxy";

interface Change {
  readonly at: number;
  /** Clients that haven't got it yet. */
  missing: number;
  latency: number;
}
const made: Change[] = [];
const MARKER = /\/mk-(\d+)/;

/** Plays an Envoy that takes clusters, listeners, scopes and all route tables, and acknowledges everything. */
async function follow(
  port: number,
  tables: readonly string[],
  onChange: (change: number) => void,
): Promise<() => void> {
  const client = connect(port);
  const stream = client.stream("delta", { node: { id: "churn", metadata: { role: ROLE } } });
  for (const typeUrl of [typeUrls.cluster, typeUrls.listener, typeUrls.scopedRoute]) stream.send({ typeUrl });
  stream.send({ typeUrl: typeUrls.route, subscribe: tables });
  let held = 0;
  const complete = Promise.withResolvers<void>();
  const pump = async (): Promise<void> => {
    for (;;) {
      const answer = await stream.next();
      stream.ack(answer);
      if (answer.typeUrl !== typeUrls.route) continue;
      for (const content of Object.values(answer.resources)) {
        if (++held === tables.length) complete.resolve();
        const marker = MARKER.exec(content)?.[1];
        if (marker !== undefined) onChange(Number(marker));
      }
    }
  };
  pump().catch(complete.reject);
  await complete.promise;
  return () => {
    stream.cancel();
    void client[Symbol.asyncDispose]();
  };
}

const folder = mkdtempSync(join(tmpdir(), "epoxy-bench-"));
writeDataFolder(folder, n, { gateway: 18_080, backend: 18_081 });
const controlPlane = await startControlPlane(folder);
const tables = Array.from({ length: n }, (_, index) => `listener-127.0.0.1-18080-routes/gloo-system_vs-${index}`);
const ends: (() => void)[] = [];
try {
  for (let client = 0; client < clients; client++) {
    // A table may skip a change that a newer one of the same virtual service has replaced: it then counts as delivered, too.
    const seen = new Map<number, number>();
    ends.push(
      await follow(controlPlane.xdsPort, tables, (change) => {
        const index = indexOf(change);
        for (let one = seen.get(index) ?? index; one <= change; one += n) deliver(one);
        seen.set(index, change + n);
      }),
    );
  }
  // Until the statuses of the start are written, the files change, too.
  for (let before = -1; cpuMs(controlPlane.pid) - before > 20; ) {
    before = cpuMs(controlPlane.pid);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  const memory = [memoryMb(controlPlane.pid).now];
  const start = performance.now();
  const cpu = cpuMs(controlPlane.pid);
  const total = rate * seconds;
  while (made.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1_000) * rate));
    while (made.length < due) {
      const change = made.length;
      made.push({ at: performance.now(), missing: clients, latency: Number.NaN });
      const index = indexOf(change);
      save(pathOf(folder, "virtualservices", `vs-${index}`), virtualService(index, `/mk-${change}`));
    }
    if (memory.length <= ((performance.now() - start) / 1_000 / seconds) * 6)
      memory.push(memoryMb(controlPlane.pid).now);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const stopped = performance.now();
  while (made.some(({ missing }) => missing > 0) && performance.now() - stopped < 30_000) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const drained = performance.now() - stopped;
  memory.push(memoryMb(controlPlane.pid).now);
  const latencies = (part: readonly Change[]) => part.map(({ latency }) => latency).filter((it) => !Number.isNaN(it));
  const sixth = Math.ceil(made.length / 6);
  const row = {
    n,
    clients,
    "changes/s": rounded(made.length / ((stopped - start) / 1_000)),
    lost: made.filter(({ missing }) => missing > 0).length,
    "median ms": rounded(median(latencies(made))),
    "p99 ms": rounded(quantile(latencies(made), 0.99)),
    "p99 first sixth": rounded(quantile(latencies(made.slice(0, sixth)), 0.99)),
    "p99 last sixth": rounded(quantile(latencies(made.slice(-sixth)), 0.99)),
    "drained after ms": rounded(drained),
    "CPU %": Math.round((100 * (cpuMs(controlPlane.pid) - cpu)) / (stopped - start)),
  };
  await report("churn", [row], [`RSS MB over time: ${memory.join(" ")}`]);
  if (row.lost > 0) throw new Error(`${row.lost} changes never arrived`);
} finally {
  for (const end of ends) end();
  await controlPlane.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Which virtual service a change is of: all take turns. */
function indexOf(change: number): number {
  return change % n;
}

function deliver(change: number): void {
  const one = made[change];
  if (one === undefined || --one.missing > 0) return;
  one.latency = performance.now() - one.at;
}
