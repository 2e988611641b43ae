import { describe, expect, test } from "vitest";
import { EpoxyError } from "../../src/errors/index.ts";
import { createStorage, type Clock, type StorageDriver } from "../../src/storage/index.ts";
import { createBackoff } from "../../src/storage/backoff.ts";
import { createWatchState } from "../../src/storage/watch-state.ts";
import { createMemoryDriver } from "../../src/storage/memory/memory-driver.ts";
import { follow } from "../contracts/support/follow.ts";
import { type Widget, widget, WidgetKind } from "../contracts/support/kinds.ts";

/** A memory driver whose watch fails on command: a source that goes away and comes back. */
function failingDriver() {
  const memory = createMemoryDriver();
  let failure: Error | undefined;
  let attempts = 0;
  let interrupted = Promise.withResolvers<never>();
  interrupted.promise.catch(() => undefined);
  const driver: StorageDriver = {
    ...memory,
    async *watch(kind, namespaces, options) {
      attempts++;
      if (failure !== undefined) throw failure;
      const events = memory.watch(kind, namespaces, options)[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await Promise.race([events.next(), interrupted.promise]);
          if (next.done === true) return;
          yield next.value;
        }
      } finally {
        // Not awaited: its generator waits for the next event.
        void events.return?.();
      }
    },
  };
  return {
    driver,
    attempts: () => attempts,
    fail(error: Error) {
      failure = error;
      interrupted.reject(error);
      interrupted = Promise.withResolvers();
      interrupted.promise.catch(() => undefined);
    },
    recover() {
      failure = undefined;
    },
  };
}

/** Time that passes only when somebody sleeps, and at once. */
function testClock(random = () => 1) {
  const slept: number[] = [];
  let time = 0;
  const clock: Clock = {
    now: () => time,
    random,
    async sleep(milliseconds, signal) {
      slept.push(milliseconds);
      time += milliseconds;
      // Lets timers run, so that a test can look.
      await new Promise((resolve) => setTimeout(resolve, 1));
      signal.throwIfAborted();
    },
  };
  return { clock, slept };
}

test("changes that are told together were seen when the first of them was", () => {
  const state = createWatchState<Widget>(() => true);
  const entry = (version: string) => ({ ref: { namespace: "ns-1", name: "a" }, version, resource: widget("a") });
  const apply = (version: string, seenAt?: number) =>
    state.apply({ type: "changes", changed: [entry(version)], removed: [], problems: [], seenAt });
  state.apply({ type: "state", entries: [], problems: [] });
  expect(state.take()).not.toHaveProperty("seenAt");
  apply("1", 5);
  apply("2", 9);
  expect(state.take()).toMatchObject({ type: "changes", seenAt: 5 });
  apply("2", 10);
  expect(state.take()).toBeUndefined();
  apply("3");
  expect(state.take()).not.toHaveProperty("seenAt");
});

describe("a watch whose source fails", () => {
  test("59: tells that it is stale once, keeps what it knew, and then tells only what has changed meanwhile", async () => {
    const source = failingDriver();
    await using storage = createStorage(source.driver, { clock: testClock().clock });
    const widgets = storage.client(WidgetKind);
    await widgets.write(widget("kept"));
    const changed = await widgets.write(widget("changed"));
    await widgets.write(widget("removed"));
    const seen = follow(widgets.watch());
    await seen.sees("ns-1/kept", "ns-1/changed", "ns-1/removed");
    source.fail(new Error("connection refused"));
    await seen.until(({ isStale }) => isStale);
    await widgets.write({ ...changed, text: "2" }, { overwrite: true });
    await widgets.delete({ namespace: "ns-1", name: "removed" });
    const before = source.attempts();
    await expect.poll(source.attempts).toBeGreaterThan(before + 3);
    expect(seen.items.size).toBe(3);
    source.recover();
    await seen.sees("ns-1/kept", "ns-1/changed");
    expect(seen.events.map(({ type }) => type)).toEqual(["state", "stale", "live", "changes"]);
    expect(seen.events[1]).toMatchObject({ error: { code: "unavailable" } });
    expect(seen.events[3]).toMatchObject({
      changed: [{ text: "2" }],
      removed: [{ namespace: "ns-1", name: "removed" }],
    });
  });

  test("tells that it is stale before the first state, if there is none to tell", async () => {
    const source = failingDriver();
    source.fail(new EpoxyError("unavailable", "no route to host"));
    await using storage = createStorage(source.driver, { clock: testClock().clock });
    const seen = follow(storage.client(WidgetKind).watch());
    await seen.until(({ isStale }) => isStale);
    source.recover();
    await seen.sees();
    expect(seen.events.map(({ type }) => type)).toEqual(["stale", "live", "state"]);
  });

  test("tells again that it is stale where the reason is another", async () => {
    const source = failingDriver();
    source.fail(new Error("connection refused"));
    await using storage = createStorage(source.driver, { clock: testClock().clock });
    const seen = follow(storage.client(WidgetKind).watch());
    await seen.until(({ isStale }) => isStale);
    source.fail(new Error("came back without its data"));
    await seen.until(({ events }) => events.length === 2);
    source.recover();
    await seen.sees();
    expect(seen.events.map(({ type }) => type)).toEqual(["stale", "stale", "live", "state"]);
    expect(seen.events[1]).toMatchObject({ error: { message: expect.stringContaining("without its data") } });
  });

  test("59: is asked again after delays that double up to a bound", async () => {
    const source = failingDriver();
    source.fail(new Error("down"));
    const { clock, slept } = testClock();
    await using storage = createStorage(source.driver, { clock, backoff: { initial: 100, max: 1_000 } });
    const seen = follow(storage.client(WidgetKind).watch());
    await expect.poll(() => slept.length).toBeGreaterThan(6);
    expect(slept.slice(0, 6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(seen.events).toHaveLength(1);
  });

  test("60: ends at once while it waits for the next attempt", async () => {
    const source = failingDriver();
    source.fail(new Error("down"));
    await using storage = createStorage(source.driver, { backoff: { initial: 60_000 } });
    const controller = new AbortController();
    const seen = follow(storage.client(WidgetKind).watch({ signal: controller.signal }));
    await seen.until(({ isStale }) => isStale);
    const start = performance.now();
    controller.abort(new Error("enough"));
    await seen.until(({ outcome }) => outcome !== undefined);
    await storage.close();
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});

describe("the delays between attempts", () => {
  test("fall at random in the upper half of their bound", () => {
    const { clock } = testClock(() => 0);
    const backoff = createBackoff(clock, { initial: 100, max: 300 });
    expect([backoff.next(0), backoff.next(0), backoff.next(0), backoff.next(0)]).toEqual([50, 100, 150, 150]);
  });

  test("start anew after an attempt that lived longer than the bound, but not after one that failed at once", () => {
    const backoff = createBackoff(testClock().clock, { initial: 100, max: 10_000 });
    for (let n = 0; n < 4; n++) backoff.next(0);
    expect(backoff.next(10)).toBe(1_600);
    expect(backoff.next(5_000)).toBe(100);
  });
});

describe("a consumer of a watch", () => {
  test("that doesn't ask costs its source nothing but the latest state", async () => {
    await using storage = createStorage(createMemoryDriver());
    const widgets = storage.client(WidgetKind);
    const events = widgets.watch()[Symbol.asyncIterator]();
    expect((await events.next()).value?.type).toBe("state");
    let stored: Widget = await widgets.write(widget("busy"));
    for (let n = 1; n <= 1_000; n++) stored = await widgets.write({ ...stored, text: `${n}` }, { overwrite: true });
    const told: WidgetEvents[] = [];
    do told.push((await events.next()).value as WidgetEvents);
    while (told.at(-1)?.changed.at(-1)?.text !== "1000");
    expect(told.length).toBeLessThanOrEqual(2);
    expect(await events.return?.()).toEqual({ done: true, value: undefined });
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test("may ask several times at once, and each answer goes to one question", async () => {
    await using storage = createStorage(createMemoryDriver());
    const widgets = storage.client(WidgetKind);
    const events = widgets.watch()[Symbol.asyncIterator]();
    const answers = [events.next(), events.next()];
    expect((await answers[0])?.value?.type).toBe("state");
    await widgets.write(widget("one"));
    expect((await answers[1])?.value).toMatchObject({ type: "changes", changed: [{ metadata: { name: "one" } }] });
    await events.return?.();
  });

  test("starts anew with each loop over the same watch", async () => {
    await using storage = createStorage(createMemoryDriver());
    const watch = storage.client(WidgetKind).watch();
    for (let loop = 0; loop < 2; loop++) {
      for await (const event of watch) {
        expect(event.type).toBe("state");
        break;
      }
    }
  });
});

interface WidgetEvents {
  readonly changed: readonly Widget[];
}

describe("what is written", () => {
  test("must be plain data, and the error says where it is not", async () => {
    await using storage = createStorage(createMemoryDriver());
    const bad = widget("one", { config: { nested: [() => 1] } });
    await expect(storage.client(WidgetKind).write(bad)).rejects.toThrow("config.nested[0] is a function");
  });

  test("keeps its bytes, as a copy", async () => {
    await using storage = createStorage(createMemoryDriver());
    const data = Buffer.from([1, 2]);
    const written = await storage.client(WidgetKind).write(widget("one", { data }));
    data[0] = 9;
    expect(Buffer.isBuffer(written.data)).toBe(true);
    expect([...written.data]).toEqual([1, 2]);
  });
});
