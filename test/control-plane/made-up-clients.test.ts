import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createVersionedCache, type VersionedCache } from "../../src/control-plane/envoy-versions/versioned-cache.ts";
import { createMetrics, type Metrics } from "../../src/control-plane/metrics.ts";
import {
  createQuarantine,
  createXdsCache,
  createXdsServer,
  type Quarantine,
  typeUrls,
  type XdsCache,
  type XdsServer,
} from "../../src/xds/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { jsonResource } from "../xds/support/json-resource.ts";
import { connectRaw, type RawClient } from "../xds/support/raw-client.ts";

const KEY = "ns~proxy";
const { cluster: CDS } = typeUrls;
const OLD = "1.36.0";

let inner: XdsCache;
let versions: VersionedCache;
let quarantine: Quarantine;
let metrics: Metrics;
let server: XdsServer;
let client: RawClient;

beforeEach(async () => {
  inner = createXdsCache();
  versions = createVersionedCache(inner);
  const { cache, roles } = versions;
  quarantine = createQuarantine(cache, { roles });
  quarantine.setCanaryTimeout(60_000);
  const { roleOf } = roles;
  metrics = createMetrics({
    ...{ cache, quarantine, roleOf, leads: () => true },
    xds: () => server.metrics,
    streams: () => server.streams(),
  });
  cache.apply(KEY, { upsert: [jsonResource(CDS, "a", { name: "a" })], complete: true });
  server = createXdsServer({
    ...{ cache, quarantine, port: 0, fallbackKey: KEY, variantKey: versions.keyFor, events: metrics.xdsEvents },
    snapshotKey: ({ metadata }) => metadata["role"] as string,
  });
  client = connectRaw((await server.listen()).port);
  client.stream.close();
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await server.close();
});

/** One stream each, and a hundred at a time; each ends when the server knows all of these. */
async function come(count: number, ask: (index: number) => Parameters<RawClient["send"]>[0]): Promise<void> {
  for (let from = 0; from < count; from += 100) {
    const opened = Array.from({ length: Math.min(100, count - from) }, (_, index) => {
      const one = client.open();
      one.stream.resume();
      one.send(ask(from + index));
      return one;
    });
    await waitFor(() => server.streams().filter(({ types }) => types.length > 0).length === opened.length);
    for (const { stream } of opened) stream.end();
    await waitFor(() => server.streams().length === 0);
  }
}

/** Everything that can be seen, but for how often something was counted. */
async function seen(): Promise<object> {
  const { text } = await metrics.render();
  return {
    series: text.split("\n").flatMap((line) => (line.startsWith("#") ? [] : line.replace(/ \S+$/, ""))),
    keys: inner.keys(),
    connected: [...quarantine.connected().keys()],
    news: quarantine.canaryNews()?.first,
    listed: quarantine.list(),
    withheld: versions.withheld(),
    types: [...server.metrics.byType.keys()],
  };
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
function heapMiB(): number {
  collect();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

const made = (index: number, version?: string) => {
  // Long, so that each that is kept shows in the heap.
  const role = `made-up-${index}-`.padEnd(16_384, "x");
  const node = {
    id: `node-${index}-`.padEnd(1000, "x"),
    metadata: { role },
    ...(version !== undefined && { version }),
  };
  return { typeUrl: CDS, node };
};

test("roles and nodes that clients make up leave nothing behind, whether they call themselves old Envoys or not", async () => {
  // One of each first, for what is counted by type, and for the older Envoys of the role that there is.
  const known = (index: number, version?: string) => {
    const { typeUrl, node } = made(index, version);
    return { typeUrl, node: { ...node, metadata: { role: KEY } } };
  };
  const shapes = [
    (index: number) => made(index),
    (index: number) => made(index, OLD),
    (index: number) => known(index),
    (index: number) => known(index, OLD),
  ];
  const ask = (index: number) => (shapes[index % 4] as (typeof shapes)[number])(index);
  await come(400, ask);
  const before = await seen();
  const heap = heapMiB();
  await come(2_000, (index) => ask(index + 400));
  expect(await seen()).toEqual(before);
  expect(heapMiB() - heap).toBeLessThan(3);
});

test("an older Envoy of a role that isn't there yet is given what comes, and what it was kept for goes with the role", () => {
  const { cache, keyFor, roles } = versions;
  const node = {
    ...{ id: "n", cluster: "", metadata: {}, locality: undefined, clientFeatures: [] },
    ...{ userAgentName: "envoy", userAgentVersion: OLD },
  };
  const key = keyFor("ns~later", node);
  expect(roles.keysOf("ns~later")).toEqual(["ns~later"]);
  const subscription = cache.subscribe(key, CDS, () => {});
  cache.apply("ns~later", { upsert: [jsonResource(CDS, "a", { name: "a" })], complete: true });
  expect(subscription.get("a")?.version).toBe(cache.get("ns~later", CDS, "a")?.version);
  subscription.close();
  // Others may come, and there is but one for each version that makes a difference.
  expect(roles.keysOf("ns~later")).toEqual(["ns~later", key]);
  cache.delete("ns~later");
  expect(roles.keysOf("ns~later")).toEqual(["ns~later"]);
  expect(inner.dump(key)).toEqual([]);
});

test("a role that is called as older Envoys' keys are called makes no key of its own", () => {
  const node = { id: "n", cluster: "", metadata: {}, locality: undefined, clientFeatures: [] };
  const old = versions.keyFor(KEY, { ...node, userAgentName: "envoy", userAgentVersion: OLD });
  expect(versions.keyFor(old, { ...node, userAgentName: "envoy", userAgentVersion: OLD })).toBe(old);
});
