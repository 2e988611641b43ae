// Sustained changes over many virtual services, with clients that acknowledge: does a backlog grow, does memory?
// Usage: node bench/churn.ts [--smoke] [--n 5000] [--rate 200] [--seconds 60] [--clients 20]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { waitFor } from "../test/support/wait-for.ts";
import { MARKER, sharedClock, startChurnClients } from "./support/churn-clients.ts";
import { checkCounts, median, quantile, report, rounded } from "./support/bench-run.ts";
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
checkCounts([n, rate, seconds, clients], "[--smoke] [--n 5000] [--rate 200] [--seconds 60] [--clients 20]");

interface Change {
  readonly at: number;
  /** Milliseconds until the last client had acknowledged it; NaN: not yet. */
  latency: number;
}
const made: Change[] = [];
let acked = 0;

const folder = mkdtempSync(join(tmpdir(), "epoxy-bench-"));
writeDataFolder(folder, n, { gateway: 18_080, backend: 18_081 });
const controlPlane = await startControlPlane(folder);
let players: Awaited<ReturnType<typeof startChurnClients>> | undefined;
try {
  const tablePrefix = "listener-127.0.0.1-18080-routes/gloo-system_vs-";
  players = await startChurnClients({ port: controlPlane.xdsPort, clients, tables: n, tablePrefix }, (change, at) => {
    const one = made[change];
    if (one === undefined) return;
    one.latency = at - one.at;
    acked++;
  });
  // Until the statuses of the start are written, the files change, too.
  for (let before = -1; cpuMs(controlPlane.pid) - before > 20; ) {
    before = cpuMs(controlPlane.pid);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  const memory = [memoryMb(controlPlane.pid).now];
  /** Changes that not all clients had, at the end of each sixth. */
  const backlog: number[] = [];
  const pids = { "CPU % server": controlPlane.pid, "CPU % clients": players.pid, "CPU % writer": process.pid };
  const cpu = Object.values(pids).map(cpuMs);
  const start = performance.now();
  const total = rate * seconds;
  while (made.length < total) {
    const elapsed = performance.now() - start;
    const due = Math.min(total, Math.floor((elapsed / 1_000) * rate));
    while (made.length < due) {
      const change = made.length;
      made.push({ at: sharedClock(), latency: Number.NaN });
      // All take turns.
      const index = change % n;
      save(pathOf(folder, "virtualservices", `vs-${index}`), virtualService(index, `${MARKER}${change}`));
    }
    if (memory.length <= (elapsed / 1_000 / seconds) * 6) {
      memory.push(memoryMb(controlPlane.pid).now);
      backlog.push(made.length - acked);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const stopped = performance.now();
  const shares = Object.fromEntries(
    Object.entries(pids).map(([name, pid], index) => [
      name,
      Math.round((100 * (cpuMs(pid) - (cpu[index] ?? 0))) / (stopped - start)),
    ]),
  );
  // What never arrives is told below.
  await waitFor(() => acked === total, { timeout: 30_000, interval: 5 }).catch(() => undefined);
  const drained = performance.now() - stopped;
  memory.push(memoryMb(controlPlane.pid).now);
  const latencies = (part: readonly Change[]) => part.map(({ latency }) => latency).filter((it) => !Number.isNaN(it));
  const sixth = Math.ceil(made.length / 6);
  const sixths = Array.from({ length: 6 }, (_, index) => latencies(made.slice(index * sixth, (index + 1) * sixth)));
  const row = {
    n,
    clients,
    "changes/s": rounded(made.length / ((stopped - start) / 1_000)),
    lost: total - acked,
    "median ms": rounded(median(latencies(made))),
    "p99 ms": rounded(quantile(latencies(made), 0.99)),
    "worst ms": rounded(quantile(latencies(made), 1)),
    "drained after ms": rounded(drained),
    ...shares,
  };
  await report(
    "churn",
    [row],
    [
      `p99 ms by sixth: ${sixths.map((part) => rounded(quantile(part, 0.99))).join(" ")}`,
      `changes on their way at the end of each: ${backlog.join(" ")}`,
      `RSS MB from before to after: ${memory.join(" ")}`,
    ],
  );
  if (row.lost > 0) throw new Error(`${row.lost} changes never arrived`);
} finally {
  players?.stop();
  await controlPlane.stop();
  rmSync(folder, { recursive: true, force: true });
}
