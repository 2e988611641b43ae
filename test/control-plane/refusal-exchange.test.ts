import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RefusalReport } from "../../generated/proto/epoxy/gloo/v1/refusal_report.ts";
import { RefusalReportKind } from "../../generated/sdk/index.ts";
import { createVersionedCache, type VersionedCache } from "../../src/control-plane/envoy-versions/versioned-cache.ts";
import { silentLogger } from "../../src/control-plane/logger.ts";
import { exchangeRefusals, type RefusalExchange } from "../../src/control-plane/refusal-exchange.ts";
import { createMemoryStorage, type Storage } from "../../src/storage/index.ts";
import { createQuarantine, createXdsCache, type Quarantine, type Refusal, typeUrls } from "../../src/xds/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { jsonResource } from "../xds/support/json-resource.ts";
import { resource } from "../xds/support/messages.ts";
import { refusingClient } from "../xds/support/refusing-client.ts";
import { KEY } from "../xds/support/rigs.ts";

const CDS = typeUrls.cluster;
const BEAT_MS = 100;

const noNode = { id: "", cluster: "", metadata: {}, locality: undefined, clientFeatures: [] };
/** Has a field that came with 1.37. */
const needsNewer = jsonResource(typeUrls.route, "routes", {
  name: "routes",
  virtualHosts: [
    {
      name: "all",
      domains: ["*"],
      routes: [
        { match: { prefix: "/" }, directResponse: { status: 200, bodyFormat: { jsonFormat: { text: "formatted" } } } },
      ],
    },
  ],
});

interface Replica {
  readonly versions: VersionedCache;
  readonly quarantine: Quarantine;
  readonly exchange: RefusalExchange;
  /** Serves a cluster of this content. */
  serve(content: string): void;
  /** A proxy connects, and refuses what is bad for it. */
  connect(
    node: string,
    refuses: string,
    key?: string,
    names?: readonly string[],
  ): { settle(): void; close(): void; has(): string | undefined };
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
    ...{ versions, quarantine, exchange, serve },
    connect(node, refuses, key = KEY, names = []) {
      const refusing = (content: string) => (content.includes(refuses) ? "no good" : undefined);
      const options = { mode: "delta", quarantine, key, names, node: { id: node }, refuses: refusing } as const;
      const client = refusingClient(cache, options);
      const has = () => client.has.get("c")?.split("=")[1];
      return { settle: client.settle, close: () => client.rig.stream.close(), has };
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

describe("one proxy first, of all replicas'", () => {
  const TIMEOUT_MS = 60_000;
  const accepting = (replica: Replica, node: string) => replica.connect(node, "never");

  /** Two replicas that know of each other's proxies. */
  async function startBoth(timeoutMs = TIMEOUT_MS) {
    const [a, b] = [start(), start()];
    for (const { quarantine } of [a, b]) quarantine.setCanaryTimeout(timeoutMs);
    return [a, b] as const;
  }
  const first = async () => (await reports()).flatMap(({ roles }) => roles.map((role) => role.first)).toSorted();
  const untilKnown = (...ids: readonly string[]) => waitFor(async () => (await first()).join() === ids.join());
  const heard = (replica: Replica) => waitFor(() => replica.exchange.replicas === 1);

  test("the proxy of the lowest id tries it, and those of the other replica have it after its ACK", async () => {
    const [a, b] = await startBoth();
    const [here, there] = [accepting(a, "envoy-1"), accepting(b, "envoy-2")];
    await untilKnown("envoy-1", "envoy-2");
    for (const it of [a, b]) await heard(it);
    for (const it of [a, b]) it.serve("new");
    there.settle();
    expect(there.has()).toBe("good");
    here.settle();
    expect(here.has()).toBe("new");
    await waitFor(() => (there.settle(), there.has() === "new"));
  });

  test("what it refuses the others, wherever they are, are never given", async () => {
    const [a, b] = await startBoth();
    const [here, there] = [a.connect("envoy-1", "bad"), accepting(b, "envoy-2")];
    await untilKnown("envoy-1", "envoy-2");
    for (const it of [a, b]) await heard(it);
    for (const it of [a, b]) it.serve("bad");
    there.settle();
    here.settle();
    await nodes(b, ["envoy-1"]);
    there.settle();
    expect([here.has(), there.has()]).toEqual(["good", "good"]);
    expect(b.quarantine.list()).toMatchObject([{ spread: true }]);
  });

  test("a replica that is gone holds nothing up: after the timeout, and then no more, the others have a canary of their own", async () => {
    const timeoutMs = 300;
    const [, b] = await startBoth(timeoutMs);
    const [there, last] = [accepting(b, "envoy-2"), accepting(b, "envoy-3")];
    const dead = { metadata: { name: "dead", namespace: "gloo-system" }, roles: [{ role: KEY, first: "envoy-0" }] };
    await storage.client(RefusalReportKind).write(RefusalReport.fromPartial(dead));
    await waitFor(() => b.exchange.replicas > 0);
    b.serve("new");
    for (const it of [there, last]) it.settle();
    expect([there.has(), last.has()]).toEqual(["good", "good"]);
    await waitFor(() => (there.settle(), last.settle(), last.has() === "new"));
    b.serve("newer");
    last.settle();
    expect(last.has()).toBe("new");
    there.settle();
    last.settle();
    expect([there.has(), last.has()]).toEqual(["newer", "newer"]);
  });

  test("a proxy that has moved here counts here, though its replica, which died, still tells of it", async () => {
    const [, b] = await startBoth();
    const dead = { metadata: { name: "dead", namespace: "gloo-system" }, roles: [{ role: KEY, first: "envoy-1" }] };
    await storage.client(RefusalReportKind).write(RefusalReport.fromPartial(dead));
    await waitFor(() => b.exchange.replicas > 0);
    const [moved, other] = [accepting(b, "envoy-1"), accepting(b, "envoy-2")];
    b.serve("new");
    other.settle();
    expect(other.has()).toBe("good");
    moved.settle();
    other.settle();
    expect([moved.has(), other.has()]).toEqual(["new", "new"]);
  });

  test("a replica none of whose proxies is subscribed to it leaves it to the next", async () => {
    const [a, b] = await startBoth();
    a.connect("envoy-1", "never", KEY, ["d"]);
    const [there, last] = [accepting(b, "envoy-2"), accepting(b, "envoy-3")];
    await untilKnown("envoy-1", "envoy-2");
    for (const it of [a, b]) await heard(it);
    for (const it of [a, b]) it.serve("new");
    for (const it of [there, last]) it.settle();
    expect([there.has(), last.has()]).toEqual(["good", "good"]);
    await waitFor(() => (there.settle(), there.has() === "new"));
    last.settle();
    expect(last.has()).toBe("new");
  });

  test("nothing is written where no canary is asked for, and no report remains when that ends", async () => {
    const [a, b] = await startBoth();
    accepting(a, "envoy-1");
    await untilKnown("envoy-1");
    for (const { quarantine } of [a, b]) quarantine.setCanaryTimeout(undefined);
    await waitFor(async () => (await reports()).length === 0);
  });
});

test("an older proxy elsewhere counts for its role, and what it isn't given is known here", async () => {
  const [a, b] = [start(), start()];
  const role = "gloo-system~other-proxy";
  for (const { versions } of [a, b]) versions.cache.apply(role, { upsert: [needsNewer], complete: true });
  const key = a.versions.keyFor(role, { ...noNode, userAgentName: "envoy", userAgentVersion: "1.36.4" });
  a.connect("old-1", "never", key);
  await waitFor(() => b.exchange.proxiesElsewhere().get(key) === 1);
  expect(b.versions.withheld()).toMatchObject([{ role, name: "routes" }]);
  expect(b.versions.roles.roleOf(key)).toBe(role);
});
