import { status } from "@grpc/grpc-js";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import {
  createXdsCache,
  createXdsServer,
  type SlowClientEvent,
  typeUrls,
  type XdsCache,
  type XdsLimits,
  type XdsServer,
} from "../../src/xds/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { type ClientStream, connect } from "./support/grpc-client.ts";
import { connectRaw, type RawClient } from "./support/raw-client.ts";
import { resource, resources } from "./support/messages.ts";

const { cluster: CDS, endpoint: EDS } = typeUrls;
const KEY = "ns~proxy";
const MIB = 1024 * 1024;

let server: XdsServer;
afterEach(() => server.close());

interface Rig {
  readonly cache: XdsCache;
  readonly slow: SlowClientEvent[];
  open(mode?: "sotw" | "delta"): ClientStream;
  openRaw(): RawClient;
}

async function start(limits: Partial<XdsLimits> = {}): Promise<Rig> {
  const cache = createXdsCache();
  const slow: SlowClientEvent[] = [];
  server = createXdsServer({
    ...{ cache, limits, port: 0, fallbackKey: KEY, snapshotKey: () => KEY },
    events: { onSlow: (event) => slow.push(event) },
  });
  const { port } = await server.listen();
  return {
    cache,
    slow,
    open(mode = "delta") {
      const client = connect(port);
      onTestFinished(() => client[Symbol.asyncDispose]());
      return client.stream(mode);
    },
    openRaw() {
      const client = connectRaw(port);
      onTestFinished(() => client[Symbol.asyncDispose]());
      return client;
    },
  };
}

const big = (size: number, mark: string) => mark.padEnd(size, ".");
const sent = (typeUrl: string) => server.metrics.byType.get(typeUrl)?.responses ?? 0;

describe("a client that stops reading", () => {
  test("is written no more than it has room for, whatever it asks for, and then gets the latest state", async () => {
    const { cache, openRaw } = await start();
    cache.apply(KEY, { upsert: [resource(EDS, "a", big(MIB, "1"))], complete: true });
    const { send, stream } = openRaw();
    // Each of these must be answered.
    for (let round = 0; round < 300; round++) send({ typeUrl: EDS, subscribe: ["a"] });
    await waitFor(() => (server.metrics.byType.get(EDS)?.requests ?? 0) === 300);
    expect(server.streams()[0]?.blocked).toBe(true);
    for (let round = 2; round < 50; round++) cache.apply(KEY, { upsert: [resource(EDS, "a", big(MIB, `${round}`))] });
    expect(sent(EDS)).toBe(1);
    let received = 0;
    let latest = false;
    stream.on("data", (bytes: Buffer) => {
      received += bytes.length;
      latest ||= bytes.includes("a=49");
    });
    await waitFor(() => latest);
    await waitFor(() => server.streams()[0]?.blocked === false);
    expect(sent(EDS)).toBeLessThan(4);
    expect(received).toBeLessThan(4 * MIB);
  });

  test("holds up no other", async () => {
    const { cache, open, openRaw } = await start();
    cache.apply(KEY, { upsert: resources(CDS, { a: big(4 * MIB, "1") }), complete: true });
    const [stuck, reader] = [openRaw(), open()];
    stuck.send({ typeUrl: CDS });
    reader.send({ typeUrl: CDS });
    reader.ack(await reader.next());
    for (const value of ["2", "3", "4"]) {
      cache.apply(KEY, { upsert: resources(CDS, { a: value }) });
      const answer = await reader.next();
      expect(answer.resources).toEqual({ a: `a=${value}` });
      reader.ack(answer);
    }
  });

  test("is reported, and in the end its connection is cut", async () => {
    const { cache, openRaw, slow } = await start({ slowAfterMs: 40, closeAfterMs: 150 });
    cache.apply(KEY, { upsert: [resource(EDS, "a", big(2 * MIB, "1"))], complete: true });
    const client = openRaw();
    client.send({ typeUrl: EDS, subscribe: ["a"] });
    await waitFor(() => slow.length === 2);
    expect(slow).toMatchObject([
      { waitingFor: "reading", typeUrl: EDS, closed: false },
      { waitingFor: "reading", typeUrl: EDS, closed: true },
    ]);
    expect(slow[1]?.bytes).toBeGreaterThan(MIB);
    await client.closed;
    expect(server.streams()).toEqual([]);
  });
});

describe("a client that doesn't answer", () => {
  test("is reported once, and in the end told so with DeadlineExceeded", async () => {
    const { cache, open, slow } = await start({ slowAfterMs: 40, closeAfterMs: 200 });
    cache.apply(KEY, { upsert: resources(CDS, { a: "1" }), complete: true });
    const stream = open();
    stream.send({ typeUrl: CDS });
    await stream.next();
    await waitFor(() => server.streams()[0]?.types[0]?.lagMs !== 0);
    expect(await stream.ended).toMatchObject({
      code: status.DEADLINE_EXCEEDED,
      details: expect.stringMatching(/no answer/),
    });
    expect(slow).toMatchObject([
      { waitingFor: "answer", typeUrl: CDS, bytes: 0, closed: false },
      { waitingFor: "answer", typeUrl: CDS, bytes: 0, closed: true },
    ]);
  });

  test("but one that answers, if late, is left alone", async () => {
    const { cache, open, slow } = await start({ slowAfterMs: 30, closeAfterMs: 60_000 });
    cache.apply(KEY, { upsert: resources(CDS, { a: "1" }), complete: true });
    const stream = open();
    stream.send({ typeUrl: CDS });
    const answer = await stream.next();
    await waitFor(() => slow.length === 1);
    stream.ack(answer);
    cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    stream.ack(await stream.next());
    await waitFor(() => server.streams()[0]?.types[0]?.lagMs === 0);
    expect(slow).toHaveLength(1);
  });
});

/** Nobody's time is up, neither that of a place nor that of a silent client, before real timers are back. */
function stopTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

describe("a rush of new clients", () => {
  test("has no more answers under way than there are places, and every one is served", async () => {
    stopTimers();
    const { cache, openRaw } = await start({ admitted: 4 });
    cache.apply(KEY, { upsert: resources(CDS, { a: big(2 * MIB, "1") }), complete: true });
    const clients = Array.from({ length: 24 }, () => openRaw());
    for (const { send } of clients) send({ typeUrl: CDS });
    await vi.waitUntil(() => server.metrics.waiting === 20, { timeout: 10_000 });
    expect(sent(CDS)).toBe(4);
    vi.useRealTimers();
    const received = clients.map(({ stream }) => {
      const count = { bytes: 0 };
      stream.on("data", (bytes: Buffer) => (count.bytes += bytes.length));
      return count;
    });
    await waitFor(() => received.every(({ bytes }) => bytes > 2 * MIB));
    expect(server.metrics.waiting).toBe(0);
  });

  test("may wait for its turn longer than a client that asks for nothing may stay", async () => {
    stopTimers();
    const { cache, openRaw } = await start({ admitted: 1 });
    cache.apply(KEY, { upsert: resources(CDS, { a: big(2 * MIB, "1") }), complete: true });
    const [silent, ...clients] = Array.from({ length: 4 }, () => openRaw());
    for (const { send } of clients) send({ typeUrl: CDS });
    await vi.waitUntil(() => server.metrics.waiting === 2 && server.streams().length === 4, { timeout: 10_000 });
    vi.advanceTimersByTime(31_000);
    vi.useRealTimers();
    const received = clients.map(({ stream }) => {
      const count = { bytes: 0 };
      stream.on("data", (bytes: Buffer) => (count.bytes += bytes.length));
      return count;
    });
    await waitFor(() => received.every(({ bytes }) => bytes > 2 * MIB));
    // The clock did run: who asked for nothing is gone.
    await waitFor(() => silent?.stream.closed === true || server.streams().length === 3);
  });

  test("doesn't keep a change from a client that is established", async () => {
    const { cache, open, openRaw } = await start({ admitted: 1 });
    cache.apply(KEY, { upsert: resources(CDS, { a: "1" }), complete: true });
    const established = open();
    established.send({ typeUrl: CDS });
    established.ack(await established.next());
    await waitFor(() => server.streams()[0]?.types[0]?.outstanding === 0);
    cache.apply(KEY, { upsert: resources(CDS, { b: big(4 * MIB, "1") }) });
    established.ack(await established.next());
    for (let newcomer = 0; newcomer < 10; newcomer++) openRaw().send({ typeUrl: CDS });
    await waitFor(() => server.metrics.waiting >= 8);
    cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    expect((await established.next()).resources).toEqual({ a: "a=2" });
    expect(server.metrics.waiting).toBeGreaterThan(0);
  });
});
