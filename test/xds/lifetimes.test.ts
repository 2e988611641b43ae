import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { resourceFromBytes, typeUrls } from "../../src/xds/index.ts";
import { resource, resources } from "./support/messages.ts";
import { KEY, streamRig } from "./support/rigs.ts";

const { endpoint: EDS, cluster: CDS, virtualHost: VHDS } = typeUrls;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const node = { id: "envoy-1", features: ["xds.config.supports-resource-ttl", "xds.config.supports-resource-in-sotw"] };

function rigFor(mode: "sotw" | "delta", typeUrl: string, client = node) {
  const rig = streamRig(mode, { onlyType: typeUrl, node: client });
  rig.cache.apply(KEY, {
    upsert: [resource(typeUrl, "short", "1", { ttlMs: 1500 }), resource(typeUrl, "lasting")],
    complete: true,
  });
  return rig;
}

describe.each(["sotw", "delta"] as const)("rule 25: lifetimes, %s", (mode) => {
  const names = { names: ["short", "lasting"], subscribe: ["short", "lasting"] };
  // Envoy doesn't prolong over state of the world what comes without content.
  const prolonged = mode === "delta" ? { bare: { short: [] }, resources: {} } : { resources: { short: "short=1" } };

  test("a resource is sent with its lifetime, and told to live on when half of that is over", () => {
    const rig = rigFor(mode, EDS);
    rig.ask(names);
    const first = rig.answer();
    expect(first).toMatchObject({ ttls: { short: 1.5 }, resources: { short: "short=1", lasting: "lasting=1" } });
    rig.ack(first, { names: names.names });
    vi.advanceTimersByTime(700);
    expect(rig.answer()).toBeUndefined();
    vi.advanceTimersByTime(100);
    const second = rig.answer();
    expect(second).toMatchObject({ ttls: { short: 1.5 }, version: first?.version, ...prolonged });
    expect(second?.resources).not.toHaveProperty("lasting");
    rig.ack(second, { names: names.names });
    vi.advanceTimersByTime(760);
    expect(rig.answer()).toMatchObject(prolonged);
  });

  test("a lifetime that is dropped is told by sending the resource again, which is not told to live on any more", () => {
    const rig = rigFor(mode, EDS);
    rig.ask(names);
    rig.ack(rig.answer(), { names: names.names });
    rig.cache.apply(KEY, { upsert: [resource(EDS, "short")] });
    const again = rig.answer();
    expect(again).toMatchObject({ resources: { short: "short=1" }, ttls: {} });
    rig.ack(again, { names: names.names });
    vi.advanceTimersByTime(10_000);
    expect(rig.answer()).toBeUndefined();
  });

  test("what isn't subscribed to or isn't there any more isn't told to live on", () => {
    const rig = rigFor(mode, EDS);
    rig.ask(names);
    const first = rig.answer();
    rig.ack(first, { names: ["lasting"], unsubscribe: ["short"] });
    vi.advanceTimersByTime(10_000);
    expect(rig.answer()).toBeUndefined();
  });

  test("a client that doesn't know of lifetimes isn't told of them", () => {
    const rig = rigFor(mode, EDS, { id: "old", features: [] });
    rig.ask(names);
    const first = rig.answer();
    expect(first?.resources).toEqual({ short: "short=1", lasting: "lasting=1" });
    rig.ack(first, { names: names.names });
    vi.advanceTimersByTime(10_000);
    expect(rig.answer()).toBeUndefined();
  });

  test("a client that reconnects is sent anew what has a lifetime, which may be nearly over", () => {
    const before = rigFor(mode, EDS);
    before.ask(names);
    const { version = "", versions = {} } = before.answer() ?? {};
    const rig = streamRig(mode, { onlyType: EDS, node, cache: before.cache });
    rig.ask({ ...names, version, initial: versions });
    expect(rig.answer()?.resources).toMatchObject({ short: "short=1" });
  });
});

test("rule 25: in state of the world, clusters are listed whole to prolong one, since what a response lacks is deleted", () => {
  const rig = rigFor("sotw", CDS);
  rig.ask({});
  const first = rig.answer();
  rig.ack(first);
  vi.advanceTimersByTime(800);
  expect(rig.answer()).toMatchObject({
    resources: { short: "short=1", lasting: "lasting=1" },
    bare: {},
    version: first?.version,
  });
});

test("rule 25: resources that differ in their lifetime alone have different versions", () => {
  const bytes = Buffer.from("content");
  const versions = [undefined, 1000, 2000].map((ttlMs) => resourceFromBytes(EDS, "a", bytes, { ttlMs }).version);
  expect(new Set(versions).size).toBe(3);
});

describe("rule 26: virtual hosts on demand", () => {
  test("a first request without names is answered, with nothing, since Envoy waits for that", () => {
    const rig = streamRig("delta", { onlyType: VHDS });
    rig.cache.apply(KEY, { upsert: resources(VHDS, { "routes/a.test": "1" }), complete: true });
    rig.ask({});
    expect(rig.answer()).toMatchObject({ resources: {}, bare: {}, removed: [] });
    expect(rig.answer()).toBeUndefined();
  });

  test("one that isn't there is answered at once by a resource without content whose alias is the name asked for, and later by itself", () => {
    const rig = streamRig("delta", { onlyType: VHDS });
    rig.cache.apply(KEY, { upsert: resources(VHDS, { "routes/a.test": "1" }), complete: true });
    rig.ask({ subscribe: ["routes/a.test", "routes/b.test"] });
    const first = rig.answer();
    expect(first).toMatchObject({
      resources: { "routes/a.test": "routes/a.test=1" },
      bare: { "routes/b.test": ["routes/b.test"] },
      removed: [],
    });
    rig.ack(first);
    rig.cache.apply(KEY, { upsert: resources(VHDS, { "routes/b.test": "1" }) });
    const second = rig.answer();
    expect(second?.resources).toEqual({ "routes/b.test": "routes/b.test=1" });
    rig.ack(second);
    rig.cache.apply(KEY, { remove: [{ typeUrl: VHDS, name: "routes/b.test" }] });
    expect(rig.answer()?.removed).toEqual(["routes/b.test"]);
  });
});
