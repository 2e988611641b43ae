import { expect, test } from "vitest";
import { type BatchOptions, SyncSchedule } from "../../src/snapshot/sync-schedule.ts";
import { manualClock } from "./support/manual-clock.ts";

/** A schedule that has synced once, long ago. */
function idle(options: BatchOptions = {}) {
  const clock = manualClock();
  const schedule = new SyncSchedule(clock, { quietMs: 5, maxWaitMs: 20, backoff: { initial: 100 }, ...options });
  schedule.started();
  schedule.succeeded();
  clock.advance(1000);
  return { clock, schedule, wait: () => schedule.due() - clock.now() };
}

test("without a change nothing is due", () => {
  expect(idle().wait()).toBe(Number.POSITIVE_INFINITY);
});

test("a change after a pause is due at once", () => {
  const { schedule, wait } = idle();
  schedule.changed();
  expect(wait()).toBe(0);
});

test("a change soon after a sync waits until it has been quiet", () => {
  const { clock, schedule, wait } = idle();
  schedule.changed();
  schedule.started();
  schedule.succeeded();
  clock.advance(1);
  schedule.changed();
  expect(wait()).toBe(5);
  clock.advance(4);
  schedule.changed();
  expect(wait()).toBe(5);
});

test("changes that keep coming wait no longer than the maximum", () => {
  const { clock, schedule, wait } = idle();
  schedule.changed();
  schedule.started();
  schedule.succeeded();
  schedule.changed();
  for (let i = 0; i < 5; i++) {
    clock.advance(4);
    schedule.changed();
  }
  expect(wait()).toBe(0);
});

test("a change cuts the pause after a failure short, but not below the first pause", () => {
  const { clock, schedule, wait } = idle();
  schedule.changed();
  for (let i = 0; i < 6; i++) {
    schedule.started();
    schedule.failed();
  }
  expect([wait(), schedule.failures]).toEqual([1600, 6]);
  schedule.changed();
  expect(wait()).toBe(100);
  clock.advance(100);
  schedule.started();
  schedule.succeeded();
  expect([wait(), schedule.failures]).toEqual([Number.POSITIVE_INFINITY, 0]);
});

test("a sync may be aborted until its changes have waited ten times the maximum wait", () => {
  const { clock, schedule } = idle();
  schedule.changed();
  schedule.started();
  expect(schedule.mayAbort()).toBe(true);
  for (let i = 0; i < 4; i++) {
    clock.advance(50);
    schedule.changed();
    schedule.superseded();
    schedule.started();
  }
  expect(schedule.mayAbort()).toBe(false);
  schedule.succeeded();
  schedule.changed();
  schedule.started();
  expect(schedule.mayAbort()).toBe(true);
});
