import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { createBatcher } from "../../src/xds/server/batcher.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("a first change goes with the next turn of the event loop, once per item", () => {
  const handled: string[] = [];
  const batcher = createBatcher<string>({ quietMs: 100, maxWaitMs: 1000 }, (item) => handled.push(item));
  batcher.add("a");
  batcher.add("b");
  batcher.add("a");
  expect(handled).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(handled).toEqual(["a", "b"]);
});

test("the next ones wait until it has been quiet, but never longer than the maximum", () => {
  const handled: string[] = [];
  const batcher = createBatcher<string>({ quietMs: 100, maxWaitMs: 250 }, (item) => handled.push(item));
  batcher.add("first");
  vi.advanceTimersByTime(1);
  for (let i = 0; i < 4; i++) {
    batcher.add("burst");
    vi.advanceTimersByTime(60);
  }
  expect(handled).toEqual(["first"]);
  batcher.add("burst");
  vi.advanceTimersByTime(11);
  expect(handled).toEqual(["first", "burst"]);
  batcher.add("calm");
  vi.advanceTimersByTime(99);
  expect(handled).toEqual(["first", "burst"]);
  vi.advanceTimersByTime(1);
  expect(handled).toEqual(["first", "burst", "calm"]);
});

test("without a quiet time each turn is a batch", () => {
  const handled: string[] = [];
  const batcher = createBatcher<string>({ quietMs: 0, maxWaitMs: 0 }, (item) => handled.push(item));
  batcher.add("a");
  vi.advanceTimersByTime(1);
  batcher.add("a");
  vi.advanceTimersByTime(1);
  expect(handled).toEqual(["a", "a"]);
});

test("what is taken out, or left when it closes, isn't handled", () => {
  const handled: string[] = [];
  const batcher = createBatcher<string>({ quietMs: 0, maxWaitMs: 0 }, (item) => handled.push(item));
  batcher.add("gone");
  batcher.delete("gone");
  vi.advanceTimersByTime(1);
  batcher.add("late");
  batcher.close();
  vi.advanceTimersByTime(1);
  expect(handled).toEqual([]);
});

test("a long batch is cut into slices, so that others get a turn", async () => {
  vi.useRealTimers();
  const handled: number[] = [];
  const batcher = createBatcher<number>({ quietMs: 0, maxWaitMs: 0 }, (item) => {
    const end = performance.now() + 5;
    while (performance.now() < end);
    handled.push(item);
  });
  for (let i = 0; i < 10; i++) batcher.add(i);
  const between = await new Promise<number>((resolve) => setImmediate(() => resolve(handled.length)));
  expect(between).toBeGreaterThan(0);
  expect(between).toBeLessThan(10);
  await waitFor(() => handled.length === 10);
});
