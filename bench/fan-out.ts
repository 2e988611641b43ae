// One change → the last of M clients has acknowledged it, beside go-control-plane in the same run.
// Usage: ADSCLIENT=path [GCP_PEER=path] node bench/fan-out.ts [--smoke] [--cases 1000x100,1000x1000] [--changes 20]
import { parseArgs } from "node:util";
import { type ClientStream, connect } from "../test/xds/support/grpc-client.ts";
import type { Answer, Ask } from "../test/xds/support/messages.ts";
import { startChild } from "../test/support/child.ts";
import { httpGet } from "../test/support/http-get.ts";
import { waitFor } from "../test/support/wait-for.ts";
import { typeUrls } from "../src/xds/index.ts";
import { checkCounts, median, quantile, type Row, report, rounded } from "./support/bench-run.ts";

const XDS = "127.0.0.1:18100";
const CONTROL = "http://127.0.0.1:18101";
const { values } = parseArgs({
  options: { smoke: { type: "boolean" }, cases: { type: "string" }, changes: { type: "string" } },
});
const smoke = values.smoke ?? false;
const changes = Number(values.changes ?? (smoke ? 2 : 10));
const defaults = smoke ? "50x5" : "1000x10,1000x100,10000x10,1000x1000";
const cases = (values.cases ?? defaults).split(",").map((text) => text.split("x").map(Number));
const counts = cases.flatMap(([resources = 0, clients = 0]) => [resources, clients]);
checkCounts([changes, ...counts], "[--smoke] [--cases 1000x100,1000x1000] [--changes 20]");
const adsclient = process.env["ADSCLIENT"];
const peer = process.env["GCP_PEER"];

interface Stats {
  readonly cpu_ns: number;
  readonly rss_kb: number;
  readonly peak_kb: number;
}
interface Changed extends Stats {
  readonly t0_ns: number;
  readonly t_last_ack_ns: number;
}

const control = async <T>(path: string, method = "GET"): Promise<T> =>
  JSON.parse((await httpGet(`${CONTROL}${path}`, { method, timeout: 120_000 })).body);

/** Clients that play Envoys; resolves when they have everything. */
async function startClients(program: string, count: number, mode: string) {
  const child = startChild(program, ["--addr", XDS, "--clients", `${count}`, "--mode", mode]);
  const line = await waitFor(
    () => {
      if (child.ended() !== undefined) throw new Error(`the clients have ended:\n${child.output()}`);
      return child
        .output()
        .split("\n")
        .find((text) => text.includes('"ready"'));
    },
    { timeout: 300_000, interval: 20 },
  );
  const { start_ns: start, last_ns: last, bytes } = JSON.parse(line);
  return { child, coldMs: (last - start) / 1e6, megabytes: bytes / 1e6 };
}

async function measure(
  clientProgram: string,
  name: string,
  command: readonly string[],
  n: number,
  clients: number,
  mode: "sotw" | "delta",
): Promise<Row> {
  const [program = "", ...args] = command;
  const server = startChild(program, args);
  try {
    await waitFor(() => control("/stats"), { timeout: 60_000 });
    const before = await control<Stats>("/stats");
    const { child, coldMs, megabytes } = await startClients(clientProgram, clients, mode);
    const after = await control<Stats>("/stats");
    const times: number[] = [];
    const cpu: number[] = [];
    const warmUp = 2;
    for (let round = 0; round < warmUp + changes; round++) {
      const one = await control<Changed>(`/change?clients=${clients}`, "POST");
      if (round < warmUp) continue;
      times.push((one.t_last_ack_ns - one.t0_ns) / 1e6);
      cpu.push(one.cpu_ns / 1e6);
    }
    const { peak_kb: peak } = await control<Stats>("/stats");
    await child.stop();
    return {
      server: name,
      "resources x clients": `${n} x ${clients}`,
      mode,
      "last ACK ms": rounded(median(times)),
      "p95 ms": rounded(quantile(times, 0.95)),
      "CPU ms": rounded(median(cpu)),
      "cold connect ms": Math.round(coldMs),
      "cold CPU ms": Math.round((after.cpu_ns - before.cpu_ns) / 1e6),
      "cold MB": rounded(megabytes),
      "peak MB": Math.round(peak / 1024),
    };
  } finally {
    await server.stop();
  }
}

const WAVE = 50;
const clusterOf = (index: number): string => `cluster-${`${index}`.padStart(5, "0")}`;

/** Clients that have everything come back, as after a restart of the control plane: what are they sent? */
async function reconnect(name: string, n: number, clients: number, mode: "sotw" | "delta"): Promise<Row> {
  const port = 18_100;
  const types = [typeUrls.cluster, typeUrls.endpoint, typeUrls.listener, typeUrls.route];
  const first = connect(port);
  const stream = first.stream(mode);
  // What an Envoy subscribes to by name, it learns from clusters and listeners.
  const named: Readonly<Record<string, readonly string[]>> = {
    [typeUrls.endpoint]: Array.from({ length: n }, (_, index) => clusterOf(index)),
    [typeUrls.route]: ["routes"],
  };
  const namesOf = (typeUrl: string): Pick<Ask, "names" | "subscribe"> => {
    const names = named[typeUrl];
    return names === undefined ? {} : { names, subscribe: names };
  };
  const had = new Map<string, Pick<Answer, "versions" | "version">>();
  for (const typeUrl of types) {
    stream.send({ typeUrl, ...namesOf(typeUrl) });
    const answer = await stream.next();
    had.set(typeUrl, answer);
    // Each request of SotW names all; in delta these are subscribed to already.
    stream.ack(answer, mode === "sotw" ? namesOf(typeUrl) : {});
  }
  stream.cancel();
  const before = await control<Stats>("/stats");
  const start = performance.now();
  const connections = Array.from({ length: Math.min(clients, 50) }, () => connect(port));
  let resources = 0;
  let answers = 0;
  const streams: ClientStream[] = [];
  const comeBack = async (index: number): Promise<void> => {
    const again = connections[index % connections.length]?.stream(mode);
    if (again === undefined) return;
    for (const typeUrl of types) {
      const { versions, version } = had.get(typeUrl) ?? { versions: {}, version: "" };
      again.send({ typeUrl, ...namesOf(typeUrl), ...(mode === "delta" ? { initial: versions } : { version }) });
    }
    // New to the client, and so answered.
    again.send({ typeUrl: typeUrls.scopedRoute });
    const answered = Promise.withResolvers<void>();
    const pump = async (): Promise<void> => {
      for (;;) {
        const answer = await again.next();
        if (answer.typeUrl === typeUrls.scopedRoute) answered.resolve();
        else answers++;
        resources += Object.keys(answer.resources).length;
      }
    };
    // It ends when the stream is cancelled.
    pump().catch(answered.reject);
    await answered.promise;
    streams.push(again);
  };
  // In waves: all the clients are this one process, which also writes and reads for them.
  for (let at = 0; at < clients; at += WAVE) {
    await Promise.all(Array.from({ length: Math.min(WAVE, clients - at) }, (_, index) => comeBack(at + index)));
  }
  const ms = performance.now() - start;
  // Time for what would come late.
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (const again of streams) again.cancel();
  const { cpu_ns: cpu } = await control<Stats>("/stats");
  for (const connection of [first, ...connections]) await connection[Symbol.asyncDispose]();
  return {
    server: name,
    "resources x clients": `${n} x ${clients}`,
    mode: `${mode} reconnect`,
    "last ACK ms": rounded(ms),
    "CPU ms": rounded((cpu - before.cpu_ns) / 1e6),
    "resources sent": resources,
    answers,
  };
}

const rows: Row[] = [];
const ours = (n: number) => [process.execPath, `${import.meta.dirname}/support/fan-out-server.ts`, `${n}`];
for (const [n = 0, clients = 0] of cases) {
  if (adsclient !== undefined) {
    for (const mode of ["sotw", "delta"] as const) {
      if (peer !== undefined)
        rows.push(await measure(adsclient, "go-control-plane", [peer, "-n", `${n}`], n, clients, mode));
      rows.push(await measure(adsclient, "epoxy", ours(n), n, clients, mode));
    }
  }
  const server = startChild(process.execPath, ours(n).slice(1));
  try {
    await waitFor(() => control("/stats"), { timeout: 60_000 });
    // State of the world is sent endpoints, which this process would take minutes to read for so many.
    const modes = n * clients > 100_000 ? (["delta"] as const) : (["sotw", "delta"] as const);
    for (const mode of modes) rows.push(await reconnect("epoxy", n, clients, mode));
  } finally {
    await server.stop();
  }
}
const notes = adsclient === undefined ? ["ADSCLIENT isn't set: only the reconnect was measured"] : [];
await report("fan-out", rows, notes);
// A state-of-the-world client can't say which endpoints it has, so it is sent them: a cluster of it may be waiting.
if (rows.some(({ mode, ...row }) => mode === "delta reconnect" && row["resources sent"] !== 0))
  throw new Error("a client that had everything was sent resources");
