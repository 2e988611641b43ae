import { expect, test } from "vitest";
import { UpstreamKind } from "../../generated/sdk/index.ts";
import { createFakeClock, createMemoryStorage, readYaml, waitFor } from "../../src/testing/index.ts";

test("a fake clock wakes sleepers in order, each at its time, and those that sleep again meanwhile", async () => {
  const clock = createFakeClock({ now: 100 });
  const { signal } = new AbortController();
  const log: string[] = [];
  const sleeper = async (name: string, ...pauses: readonly number[]): Promise<void> => {
    for (const pause of pauses) {
      await clock.sleep(pause, signal);
      log.push(`${name} ${clock.now()}`);
    }
  };
  void sleeper("a", 10, 25);
  void sleeper("b", 20, 100);
  expect(clock.pauses()).toEqual([10, 20]);
  await clock.advance(9);
  expect(log).toEqual([]);
  await clock.advance(41);
  expect(log).toEqual(["a 110", "b 120", "a 135"]);
  expect(clock.now()).toBe(150);
  expect(clock.pauses()).toEqual([70]);
});

test("a pause of a fake clock ends with the signal's reason", async () => {
  const clock = createFakeClock();
  const controller = new AbortController();
  const pause = clock.sleep(10, controller.signal);
  controller.abort(new Error("enough"));
  await expect(pause).rejects.toThrow("enough");
  await expect(clock.sleep(10, controller.signal)).rejects.toThrow("enough");
  expect(clock.pauses()).toEqual([]);
});

test("waitFor resolves to the first value, and says what it waited for in vain and what it saw last", async () => {
  let calls = 0;
  expect(await waitFor(() => (++calls < 3 ? undefined : "there"), { interval: 1 })).toBe("there");
  const failure = waitFor(() => Promise.reject(new Error("no such upstream")), { timeout: 5, interval: 1 });
  await expect(failure).rejects.toThrow(/not so within 5 ms: .*no such upstream/s);
});

test("a resource is read from YAML as a storage would, and a mistake says where it is", async () => {
  const upstream = readYaml(
    UpstreamKind,
    "metadata: {name: pets, namespace: default}\nstatic: {hosts: [{addr: a, port: 80}]}",
  );
  await using storage = createMemoryStorage();
  const stored = await storage.client(UpstreamKind).write(upstream);
  expect(stored.metadata).toMatchObject({ name: "pets", namespace: "default" });
  expect(() => readYaml(UpstreamKind, "metadata: {name: pets, namespace: default}\nstatick: {}")).toThrow(
    /^yaml:2:1: .*statick.*static/,
  );
  expect(() => readYaml(UpstreamKind, "")).toThrow("one Upstream was expected, and the text has 0");
});
