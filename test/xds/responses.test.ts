import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { resourceFromBytes } from "../../src/xds/cache/resource.ts";
import { createTypeLog } from "../../src/xds/cache/type-log.ts";
import { createResponses } from "../../src/xds/server/responses.ts";
import { typeUrls } from "../../src/xds/index.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const cluster = resourceFromBytes(typeUrls.cluster, "a", Buffer.from("a"));

it("a response is shared by all who ask for it, until nobody has for 10 seconds: the first ones hold everything there is", () => {
  const responses = createResponses("delta", "epoxy");
  const log = createTypeLog(typeUrls.cluster);
  let made = 0;
  const ask = () =>
    responses.make(log, "all", 0, () => {
      made++;
      return { version: "1", resources: [cluster], removed: [] };
    });

  const first = ask();
  vi.advanceTimersByTime(9_999);
  expect(ask()).toBe(first);
  vi.advanceTimersByTime(9_999);
  expect(ask()).toBe(first);
  expect(made).toBe(1);
  vi.advanceTimersByTime(10_000);
  const later = ask();
  expect(made).toBe(2);
  expect(later.nonce).not.toBe(first.nonce);
  // After that, too.
  vi.advanceTimersByTime(10_000);
  ask();
  expect(made).toBe(3);
});
