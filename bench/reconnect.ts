import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { createXdsCache, createXdsServer, typeUrls } from "../src/xds/index.ts";
import { connect } from "../test/xds/support/grpc-client.ts";
import { resources } from "../test/xds/support/messages.ts";
import { checkCounts, median, quantile, report, rounded } from "./support/bench-run.ts";

// How long a change takes to an established client while a fleet connects.
// Usage: node bench/reconnect.ts [--smoke] [--clients 1000] [--clusters 500] [--admitted 32]
/** For its first 10 s a client counts as new, and waits with the others. */
const ESTABLISHED_MS = 10_500;
const KEY = "ns~proxy";
const { cluster: CDS } = typeUrls;

/** The fleet, in a process of its own: says `connected` when all have their first answer. */
async function fleet(port: number, count: number): Promise<void> {
  const streams = Array.from({ length: count }, () => connect(port).stream("delta"));
  for (const stream of streams) stream.send({ typeUrl: CDS });
  for (const stream of streams) stream.ack(await stream.next());
  process.stdout.write("connected\n");
}

async function measure(count: number, clusters: number, admitted: number): Promise<void> {
  const cache = createXdsCache();
  const values = Object.fromEntries(Array.from({ length: clusters }, (_, index) => [`c${index}`, "x".repeat(500)]));
  cache.apply(KEY, { upsert: resources(CDS, values), complete: true });
  await using server = createXdsServer({
    cache,
    port: 0,
    fallbackKey: KEY,
    snapshotKey: () => KEY,
    limits: { admitted },
  });
  const { port } = await server.listen();
  await using client = connect(port);
  const established = client.stream("delta");
  established.send({ typeUrl: CDS });
  established.ack(await established.next());
  await new Promise((resolve) => setTimeout(resolve, ESTABLISHED_MS));
  const child = spawn(process.execPath, [import.meta.filename, "fleet", `${port}`, `${count}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const over = new AbortController();
  void once(child.stdout, "data").then(() => over.abort());
  while (server.metrics.streams < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  const start = performance.now();
  const latencies: number[] = [];
  let peak = 0;
  for (let round = 0; !over.signal.aborted; round++) {
    const before = performance.now();
    cache.apply(KEY, { upsert: resources(CDS, { c0: `${round}` }) });
    established.ack(await established.next());
    latencies.push(performance.now() - before);
    peak = Math.max(peak, process.memoryUsage.rss());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  child.kill();
  await report("reconnect", [
    {
      clients: count,
      clusters,
      admitted,
      "all connected s": rounded((performance.now() - start) / 1000),
      changes: latencies.length,
      "median ms": Math.round(median(latencies)),
      "p95 ms": Math.round(quantile(latencies, 0.95)),
      "worst ms": Math.round(Math.max(...latencies)),
      "peak MiB": Math.round(peak / 1048576),
    },
  ]);
}

const [first, ...rest] = process.argv.slice(2);
if (first === "fleet") {
  await fleet(Number(rest[0]), Number(rest[1]));
} else {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: { smoke: { type: "boolean" }, clients: text, clusters: text, admitted: text },
  });
  const small = values.smoke === true;
  const clients = Number(values.clients ?? (small ? 20 : 1_000));
  const clusters = Number(values.clusters ?? (small ? 20 : 500));
  const admitted = Number(values.admitted ?? 32);
  checkCounts([clients, clusters, admitted], "[--smoke] [--clients 1000] [--clusters 500] [--admitted 32]");
  await measure(clients, clusters, admitted);
}
