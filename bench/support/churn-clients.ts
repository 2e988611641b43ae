// Run as a program: plays M Envoys that take clusters, listeners, scopes and N route tables by delta, and acknowledge everything. They have to cost
// far less than the server that they measure, with which they share the processors: nothing of a resource is decoded, only its bytes searched for
// markers. Usage: node churn-clients.ts PORT M N TABLE_PREFIX
import { fork } from "node:child_process";
import { typeUrls } from "../../src/xds/index.ts";
import { openAdsStream } from "../../test/xds/support/ads-stream.ts";

/** What a change's number follows, as a route's new path. */
export const MARKER = "/mk-";
/** Milliseconds by a clock that all processes of a machine share. */
export const sharedClock = (): number => Number(process.hrtime.bigint()) / 1e6;

const ROLE = "gloo-system~gateway-proxy";
/** Milliseconds for which acknowledgements are gathered before they are told. */
const REPORT_MS = 20;

/** A change, and when the last client had acknowledged it, by `sharedClock`. */
type Acked = readonly [change: number, at: number];

/** Plays the clients in a process of their own. Resolves when all of them have everything. */
export async function startChurnClients(
  { port, clients, tables, tablePrefix }: ChurnClientsOptions,
  onAcked: (change: number, at: number) => void,
) {
  const child = fork(import.meta.filename, [`${port}`, `${clients}`, `${tables}`, tablePrefix]);
  const ready = Promise.withResolvers<void>();
  child.once("exit", (code, signal) => ready.reject(new Error(`the clients have ended: ${signal ?? code}`)));
  child.on("message", (message: "ready" | readonly Acked[]) => {
    if (message === "ready") ready.resolve();
    else for (const [change, at] of message) onAcked(change, at);
  });
  await ready.promise;
  return { pid: child.pid ?? -1, stop: () => void child.kill() };
}

export interface ChurnClientsOptions {
  readonly port: number;
  readonly clients: number;
  /** Route tables, named by the prefix and their number. A change's table is its own number modulo this. */
  readonly tables: number;
  readonly tablePrefix: string;
}

if (process.argv[1] === import.meta.filename) {
  const [port = 0, clients = 0, tables = 0] = process.argv.slice(2, 5).map(Number);
  const names = Array.from({ length: tables }, (_, index) => `${process.argv[5]}${index}`);
  /** By change: clients that have acknowledged it. */
  const counts: number[] = [];
  let acked: Acked[] = [];
  const deliver = (change: number): void => {
    counts[change] = (counts[change] ?? 0) + 1;
    if (counts[change] === clients) acked.push([change, sharedClock()]);
  };
  process.once("disconnect", () => process.exit());
  await Promise.all(Array.from({ length: clients }, () => follow(port, names, deliver)));
  process.send?.("ready");
  setInterval(() => {
    if (acked.length > 0) process.send?.(acked);
    acked = [];
  }, REPORT_MS);
}

/** One client. Resolves when it has everything. */
async function follow(port: number, tables: readonly string[], deliver: (change: number) => void): Promise<void> {
  const complete = Promise.withResolvers<void>();
  let held = 0;
  /** By table: the change that comes next. What a newer one of the same table has replaced counts as delivered with it. */
  const due = Int32Array.from(tables, (_, index) => index);
  const stream = openAdsStream(port, ROLE, {
    onEnd: complete.reject,
    onResponse({ typeUrl, resources, bytes }) {
      if (typeUrl !== typeUrls.route) return;
      held += resources;
      if (held >= tables.length) complete.resolve();
      for (const change of markers(bytes)) {
        const table = change % tables.length;
        for (let one = due[table] ?? 0; one <= change; one += tables.length) deliver(one);
        due[table] = change + tables.length;
      }
    },
  });
  for (const typeUrl of [typeUrls.cluster, typeUrls.listener, typeUrls.scopedRoute]) stream.subscribe(typeUrl);
  stream.subscribe(typeUrls.route, tables);
  await complete.promise;
}

function* markers(message: Buffer): Generator<number> {
  for (let at = message.indexOf(MARKER); at >= 0; at = message.indexOf(MARKER, at)) {
    at += MARKER.length;
    let change = 0;
    for (let digit = message[at] ?? 0; digit >= 0x30 && digit <= 0x39; digit = message[++at] ?? 0)
      change = 10 * change + digit - 0x30;
    yield change;
  }
}
