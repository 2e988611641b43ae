// Run as a program: N clusters with their endpoints, a listener and a route configuration with N virtual hosts, the same for all clients,
// from our cache and server, and a control port like the peer's (see bench/README.md). Usage: node fan-out-server.ts N
import { createServer } from "node:http";
import { EnvoyCluster } from "../../src/envoy/api.ts";
import { virtualHostPieces } from "../../src/envoy/index.ts";
import {
  createXdsCache,
  createXdsServer,
  resourceFromBytes,
  resourceFromParts,
  typeUrls,
  type XdsResource,
  xdsPart,
} from "../../src/xds/index.ts";
import { assignment, cluster, listener } from "../../test/xds/support/envoy-resources.ts";
import { encodeVirtualHost } from "./envoy-alone.ts";
import { memoryMb } from "./process-usage.ts";

const XDS_PORT = 18_100;
const CONTROL_PORT = 18_101;
const n = Number(process.argv[2]);
const nameOf = (index: number): string => `cluster-${`${index}`.padStart(5, "0")}`;
const now = (): number => (performance.timeOrigin + performance.now()) * 1e6;
const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1e3;
};

function clusterWith(index: number, milliseconds: number): XdsResource {
  const name = nameOf(index);
  const bare = EnvoyCluster.decode(cluster(name).parts[0]?.bytes ?? new Uint8Array());
  const bytes = EnvoyCluster.encode({
    ...bare,
    connectTimeout: { seconds: 5n, nanos: milliseconds * 1_000_000 },
  }).finish();
  return resourceFromBytes(typeUrls.cluster, name, bytes, { resendWith: [{ typeUrl: typeUrls.endpoint, name }] });
}

const virtualHosts = Array.from({ length: n }, (_, index) => virtualHost(index, "/"));
function virtualHost(index: number, prefix: string) {
  return xdsPart(virtualHostPieces(encodeVirtualHost(index, nameOf(index), prefix), [])[0]);
}
const header = xdsPart(Buffer.from("\n\x06routes"));
const table = (): XdsResource => resourceFromParts(typeUrls.route, "routes", [header, ...virtualHosts]);

const cache = createXdsCache();
cache.apply("bench", {
  upsert: [
    ...Array.from({ length: n }, (_, index) => clusterWith(index, 0)),
    ...Array.from({ length: n }, (_, index) => assignment(nameOf(index), 10_000)),
    listener("http", 10_080, "routes"),
    table(),
  ],
  complete: true,
});

/** The streams that have yet to acknowledge the present version, by type. */
let missing:
  | { readonly versions: Readonly<Record<string, string | undefined>>; count: number; done(at: number): void }
  | undefined;
const server = createXdsServer({
  cache,
  snapshotKey: () => "bench",
  fallbackKey: "bench",
  port: XDS_PORT,
  events: {
    onAck({ typeUrl, version }) {
      if (missing === undefined || missing.versions[typeUrl] !== version || --missing.count > 0) return;
      missing.done(now());
      missing = undefined;
    },
  },
});
await server.listen();

let change = 0;
async function makeChange(clients: number): Promise<object> {
  change++;
  const index = (change * 7919) % n;
  const before = cpu();
  const start = now();
  virtualHosts[index] = virtualHost(index, `/mk-${change}`);
  const upsert = [clusterWith(index, change), table()];
  const acknowledged = new Promise<number>((done) => {
    missing = { versions: {}, count: 2 * clients, done };
  });
  cache.apply("bench", { upsert });
  const types = [typeUrls.cluster, typeUrls.route];
  const versions = Object.fromEntries(types.map((typeUrl) => [typeUrl, cache.version("bench", typeUrl)]));
  if (missing !== undefined) missing = { ...missing, versions };
  const end = await acknowledged;
  await new Promise((resolve) => setTimeout(resolve, 100));
  const times = { t0_ns: start, t_set_ns: start, t_last_ack_ns: end, cpu_ns: cpu() - before };
  return { marker: `mk-${change}`, ...times };
}

createServer((request, response) => {
  const url = new URL(request.url ?? "", "http://control");
  const { now: rss, peak } = memoryMb(process.pid);
  const stats = { cpu_ns: cpu(), rss_kb: rss * 1024, peak_kb: peak * 1024 };
  const answer =
    url.pathname === "/change" ? makeChange(Number(url.searchParams.get("clients"))) : Promise.resolve(stats);
  void answer.then((body) => response.end(JSON.stringify({ ...stats, ...body })));
}).listen(CONTROL_PORT, "127.0.0.1");
