import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { createMetrics, type Metrics } from "../../src/control-plane/metrics.ts";
import { createQuarantine, createXdsCache, createXdsServer, typeUrls, type XdsServer } from "../../src/xds/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { connect, type XdsClient } from "../xds/support/grpc-client.ts";
import { resources } from "../xds/support/messages.ts";
import { connectRaw, type RawClient } from "../xds/support/raw-client.ts";

const KEY = "ns~proxy";
const { cluster: CDS } = typeUrls;

let server: XdsServer;
let metrics: Metrics;
let client: XdsClient;
let raw: readonly RawClient[];

beforeEach(async () => {
  const cache = createXdsCache();
  const quarantine = createQuarantine(cache);
  metrics = createMetrics({
    ...{ cache, quarantine, leads: () => true },
    xds: () => server.metrics,
    streams: () => server.streams(),
    roleOf: (key) => key,
  });
  cache.apply(KEY, { upsert: resources(CDS, { a: "1".repeat(2 << 20) }), complete: true });
  server = createXdsServer({
    ...{ cache, quarantine, port: 0, fallbackKey: KEY, snapshotKey: () => KEY, events: metrics.xdsEvents },
    limits: { admitted: 1, slowAfterMs: 40, closeAfterMs: 60_000 },
  });
  const { port } = await server.listen();
  client = connect(port);
  raw = [connectRaw(port), connectRaw(port), connectRaw(port)];
});
afterEach(async () => {
  await Promise.all([client, ...raw].map((it) => it[Symbol.asyncDispose]()));
  await server.close();
});

/** The samples of a metric, without its own name. */
async function samples(name: string): Promise<readonly string[]> {
  const { text } = await metrics.render();
  return text.split("\n").flatMap((line) => (/^[a-z_]+/.exec(line)?.[0] === name ? line.slice(name.length) : []));
}
const valueOf = (sample = ""): number => Number(sample.split(" ").at(-1));

test("tell how long streams and roles wait for an answer, until it is there", async () => {
  const stream = client.stream("delta");
  stream.send({ typeUrl: CDS, node: { id: "edge-1" } });
  const answer = await stream.next();
  const [lagging] = await waitFor(async () => {
    const found = await samples("epoxy_xds_stream_lag_seconds");
    return found.length > 0 ? found : undefined;
  });
  expect(lagging).toMatch(/^\{proxy="ns~proxy",node="edge-1",stream="\d+"\} /);
  expect(valueOf(lagging)).toBeGreaterThan(0);
  expect(valueOf((await samples("epoxy_xds_lag_seconds"))[0])).toBeGreaterThan(0);
  stream.ack(answer);
  await waitFor(async () => (await samples("epoxy_xds_stream_lag_seconds")).length === 0);
  expect((await samples("epoxy_xds_lag_seconds")).map(valueOf).filter((seconds) => seconds > 0)).toEqual([]);
});

test("count what changes, what is sent of it, and what proxies say of that, by type", async () => {
  metrics.changed(KEY, { upsert: resources(CDS, { a: "2", b: "2" }) });
  const stream = client.stream("delta");
  stream.send({ typeUrl: CDS });
  const first = await stream.next();
  stream.nack(first, "no");
  stream.send({ typeUrl: CDS, subscribe: ["none"] });
  stream.ack(await stream.next());
  const of = async (name: string) => valueOf((await samples(name))[0]);
  await waitFor(async () => (await of("epoxy_xds_acks_total")) === 1);
  expect(await samples("epoxy_xds_nacks_total")).toEqual(['{type="Cluster"} 1']);
  expect(await samples("epoxy_xds_changes_total")).toEqual(['{type="Cluster"} 2']);
  expect(await samples("epoxy_xds_responses_total")).toEqual(['{type="Cluster"} 2']);
  expect(await samples("epoxy_xds_sent_resources_total")).toEqual(['{type="Cluster"} 1']);
  expect(await of("epoxy_xds_sent_bytes_total")).toBeGreaterThan(2 << 20);
});

test("count who is too slow", async () => {
  raw[0]?.send({ typeUrl: CDS });
  await waitFor(async () =>
    (await samples("epoxy_xds_slow_clients_total")).includes('{waiting_for="reading",closed="false"} 1'),
  );
});

test("tell how many new clients wait for their turn", async () => {
  // Nobody's place is given up meanwhile.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const waiting = async () => valueOf((await samples("epoxy_xds_waiting_clients"))[0]);
  for (const { send } of raw) send({ typeUrl: CDS });
  await expect.poll(waiting, { timeout: 10_000 }).toBe(2);
  for (const { stream } of raw) stream.resume();
  await expect.poll(waiting, { timeout: 10_000 }).toBe(0);
});
