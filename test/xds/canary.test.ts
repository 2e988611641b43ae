import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createQuarantine, createXdsCache, type Quarantine, typeUrls, type XdsCache } from "../../src/xds/index.ts";
import { resources } from "./support/messages.ts";
import { refusingClient } from "./support/refusing-client.ts";
import { KEY } from "./support/rigs.ts";

const { cluster: CDS, endpoint: EDS } = typeUrls;
const TIMEOUT_MS = 10_000;

let cache: XdsCache;
let quarantine: Quarantine;
let overdue: string[];

beforeEach(() => {
  vi.useFakeTimers();
  overdue = [];
  cache = createXdsCache();
  quarantine = createQuarantine(cache, { onCanaryOverdue: ({ name, node }) => overdue.push(`${name} at ${node}`) });
  quarantine.setCanaryTimeout(TIMEOUT_MS);
  cache.apply(KEY, { upsert: resources(CDS, { a: "1", b: "1" }), complete: true });
});
afterEach(() => vi.useRealTimers());

describe.each(["sotw", "delta"] as const)("with a canary, %s", (mode) => {
  const refuses = (content: string): string | undefined => (content.includes("bad") ? "no good" : undefined);
  const client = (id: string, text = refuses) =>
    refusingClient(cache, { mode, quarantine, node: { id }, refuses: text });
  const edit = (values: Record<string, string>) => cache.apply(KEY, { upsert: resources(CDS, values) });
  const state = ({ has }: { has: Map<string, string> }) => Object.fromEntries(has);

  test("a change goes to the proxy of the lowest id, and to the others when that has accepted it", () => {
    const [second, first, third] = [client("envoy-2"), client("envoy-1"), client("envoy-3")];
    edit({ a: "2", c: "new" });
    second.settle();
    third.settle();
    expect([second, third].map(state)).toEqual([
      { a: "a=1", b: "b=1" },
      { a: "a=1", b: "b=1" },
    ]);
    first.settle();
    second.settle();
    third.settle();
    for (const it of [first, second, third]) expect(state(it)).toEqual({ a: "a=2", b: "b=1", c: "c=new" });
  });

  test("what it refuses, the others are never given, and all else they are", () => {
    const [first, second] = [client("envoy-1"), client("envoy-2")];
    edit({ a: "bad", b: "2" });
    for (let round = 0; round < 3; round++) for (const it of [second, first]) it.settle();
    expect(state(first)).toEqual({ a: "a=1", b: "b=2" });
    expect(state(second)).toEqual({ a: "a=1", b: "b=2" });
    expect(second.refused).toBe(0);
    expect(quarantine.list()).toMatchObject([{ name: "a", spread: true, refusals: [{ node: "envoy-1" }] }]);
    // A newcomer isn't given it, either.
    expect(state(client("envoy-0"))).toEqual({ a: "a=1", b: "b=2" });
  });

  test("its repair goes the same way", () => {
    const [first, second] = [client("envoy-1"), client("envoy-2")];
    edit({ a: "bad" });
    first.settle();
    second.settle();
    edit({ a: "good" });
    second.settle();
    expect(state(second)).toEqual({ a: "a=1", b: "b=1" });
    first.settle();
    second.settle();
    expect([first, second].map(state)).toEqual([
      { a: "a=good", b: "b=1" },
      { a: "a=good", b: "b=1" },
    ]);
    expect(quarantine.list()).toEqual([]);
  });

  test("one that never answers holds the others up until the timeout, and is reported", () => {
    client("envoy-1");
    const second = client("envoy-2");
    edit({ a: "2" });
    vi.advanceTimersByTime(TIMEOUT_MS - 100);
    second.settle();
    expect(state(second)).toEqual({ a: "a=1", b: "b=1" });
    vi.advanceTimersByTime(200);
    second.settle();
    expect(state(second)).toEqual({ a: "a=2", b: "b=1" });
    expect(overdue).toEqual(["a at envoy-1"]);
  });

  test("when it disconnects, the next one takes its place", () => {
    const first = client("envoy-1");
    const [second, third] = [client("envoy-2"), client("envoy-3")];
    edit({ a: "2" });
    first.rig.stream.close();
    third.settle();
    expect(state(third)).toEqual({ a: "a=1", b: "b=1" });
    second.settle();
    third.settle();
    expect([second, third].map(state)).toEqual([
      { a: "a=2", b: "b=1" },
      { a: "a=2", b: "b=1" },
    ]);
  });

  test("a port in use is its own matter: the others get the change", () => {
    const first = client("envoy-1", (content) => (content.includes("2") ? "cannot bind: Address in use" : undefined));
    const second = client("envoy-2");
    edit({ a: "2" });
    for (let round = 0; round < 2; round++) for (const it of [first, second]) it.settle();
    expect(state(second)).toEqual({ a: "a=2", b: "b=1" });
  });

  test("going back to what was accepted before, a removal and a proxy alone wait for nobody", () => {
    const [first, second] = [client("envoy-1"), client("envoy-2")];
    edit({ a: "2" });
    for (const it of [first, second]) it.settle();
    edit({ a: "1" });
    cache.apply(KEY, { remove: [{ typeUrl: CDS, name: "b" }] });
    second.settle();
    expect(state(second)).toEqual({ a: "a=1" });
    first.rig.stream.close();
    edit({ a: "3" });
    second.settle();
    expect(state(second)).toEqual({ a: "a=3" });
  });

  test("endpoints go to all at once", () => {
    const of = (id: string) =>
      refusingClient(cache, { mode, quarantine, node: { id }, typeUrl: EDS, names: ["a"], refuses });
    const [, second] = [of("envoy-1"), of("envoy-2")];
    cache.apply(KEY, { upsert: resources(EDS, { a: "2" }) });
    second.settle();
    expect(state(second)).toEqual({ a: "a=2" });
  });

  test("turned off while a change is on trial, everybody gets it", () => {
    client("envoy-1");
    const second = client("envoy-2");
    edit({ a: "2" });
    quarantine.setCanaryTimeout(undefined);
    second.settle();
    expect(state(second)).toEqual({ a: "a=2", b: "b=1" });
  });
});
