import { afterEach, beforeEach, expect, test } from "vitest";
import { RefusalReport } from "../../generated/proto/epoxy/gloo/v1/refusal_report.ts";
import { RefusalReportKind } from "../../generated/sdk/index.ts";
import { createVersionedCache } from "../../src/control-plane/envoy-versions/versioned-cache.ts";
import { silentLogger } from "../../src/control-plane/logger.ts";
import { exchangeRefusals, type RefusalExchange } from "../../src/control-plane/refusal-exchange.ts";
import { createMemoryStorage, type Storage } from "../../src/storage/index.ts";
import { createQuarantine, createXdsCache, type Quarantine, type Refusal, typeUrls } from "../../src/xds/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { resource } from "../xds/support/messages.ts";
import { refusingClient } from "../xds/support/refusing-client.ts";
import { KEY } from "../xds/support/rigs.ts";

const CDS = typeUrls.cluster;
const BEAT_MS = 100;

interface Replica {
  readonly quarantine: Quarantine;
  readonly exchange: RefusalExchange;
  /** Serves a cluster of this content. */
  serve(content: string): void;
  /** A proxy connects, and refuses what is bad for it. */
  connect(node: string, refuses: string): { settle(): void; close(): void };
}

let storage: Storage;
let replicas: Replica[];

function start(): Replica {
  const versions = createVersionedCache(createXdsCache());
  const { cache, roles } = versions;
  const quarantine = createQuarantine(cache, { roles });
  const exchange = exchangeRefusals({
    ...{ quarantine, versions, namespace: "gloo-system", logger: silentLogger, beatMs: BEAT_MS, onChange: () => {} },
    client: storage.client(RefusalReportKind),
  });
  const serve = (content: string) =>
    cache.apply(KEY, { upsert: [resource(CDS, "c", content), resource(CDS, "d", "1")], complete: true });
  serve("good");
  const replica: Replica = {
    ...{ quarantine, exchange, serve },
    connect(node, refuses) {
      const refusing = (content: string) => (content.includes(refuses) ? "no good" : undefined);
      const client = refusingClient(cache, { mode: "delta", quarantine, node: { id: node }, refuses: refusing });
      return { settle: client.settle, close: () => client.rig.stream.close() };
    },
  };
  replicas.push(replica);
  return replica;
}

const reports = async () => (await storage.client(RefusalReportKind).list()).items;
const known = ({ quarantine }: Replica): string[] =>
  quarantine
    .list()
    .flatMap(({ refusals }) => refusals.map(({ node }) => node))
    .toSorted();
const nodes = (replica: Replica, expected: readonly string[]) =>
  waitFor(() => known(replica).join() === expected.join());

beforeEach(() => {
  storage = createMemoryStorage();
  replicas = [];
});
afterEach(async () => {
  for (const { exchange } of replicas) await exchange.close();
  await storage.close();
});

test("what a proxy of one replica refuses the others know, with the number of its proxies; nothing is written before", async () => {
  const [a, b] = [start(), start()];
  const client = a.connect("envoy-1", "bad");
  const other = b.connect("envoy-2", "never");
  expect(await reports()).toEqual([]);
  for (const it of [a, b]) it.serve("bad");
  client.settle();
  other.settle();
  await nodes(b, ["envoy-1"]);
  await waitFor(() => a.exchange.proxiesElsewhere().get(KEY) === 1 && b.exchange.proxiesElsewhere().get(KEY) === 1);
  expect(b.quarantine.list()).toMatchObject([{ name: "c", spread: false }]);
});

test("a proxy that accepts it after all, at whichever replica, is taken back everywhere", async () => {
  const [a, b] = [start(), start()];
  const client = a.connect("envoy-1", "bad");
  for (const it of [a, b]) it.serve("bad");
  client.settle();
  await nodes(b, ["envoy-1"]);
  // Another program under the same id accepts it.
  client.close();
  b.quarantine.retract(b.quarantine.refusals());
  b.connect("envoy-1", "never").settle();
  await nodes(a, []);
  await nodes(b, []);
  await waitFor(async () => (await reports()).length === 0);
});

test("when the content is mended, no report remains", async () => {
  const [a, b] = [start(), start()];
  const client = a.connect("envoy-1", "bad");
  for (const it of [a, b]) it.serve("bad");
  client.settle();
  await nodes(b, ["envoy-1"]);
  for (const it of [a, b]) it.serve("mended");
  client.settle();
  await waitFor(async () => (await reports()).length === 0);
  expect(known(b)).toEqual([]);
});

test("a replica that stops takes its report along, and what its proxies refused is still known to the others", async () => {
  const [a, b] = [start(), start()];
  const client = a.connect("envoy-1", "bad");
  for (const it of [a, b]) it.serve("bad");
  client.settle();
  await nodes(b, ["envoy-1"]);
  client.close();
  await a.exchange.close();
  await waitFor(async () => (await reports()).every(({ refusals }) => refusals.length === 1));
  expect(known(b)).toEqual(["envoy-1"]);
  // So it isn't sent it again.
  const moved = b.connect("envoy-1", "bad");
  moved.settle();
  expect(known(b)).toEqual(["envoy-1"]);
});

test("the report of a replica that died is deleted by another one", async () => {
  const dead = {
    metadata: { name: "dead", namespace: "gloo-system" },
    refusals: [{ role: KEY, typeUrl: CDS, name: "c", digest: "d", node: "gone", message: "no good" }],
  };
  await storage.client(RefusalReportKind).write(RefusalReport.fromPartial(dead));
  start();
  await waitFor(async () => (await reports()).length === 0);
});

test("a report holds no more than an engine takes for a value", async () => {
  const a = start();
  const b = start();
  const long = "x".repeat(1900);
  const many = Array.from(
    { length: 900 },
    (_, index): Refusal => ({
      ...{ key: KEY, typeUrl: CDS, name: "c", digest: "", node: `envoy-${index}` },
      ...{ nodeVersion: "1", message: long, at: 0 },
    }),
  );
  for (const it of [a, b]) it.serve("bad");
  const client = a.connect("envoy-x", "bad");
  client.settle();
  const digest = a.quarantine.list()[0]?.digest ?? "";
  a.quarantine.note(many.map((it) => ({ ...it, digest })));
  await waitFor(async () => (await reports())[0]?.refusals.length === 200);
  const bytes = RefusalReport.encode((await reports())[0] as RefusalReport).finish().length;
  expect(bytes).toBeLessThan(300_000);
});
