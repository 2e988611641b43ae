import { expect, test } from "vitest";
import { observeTraffic } from "../../src/control-plane/traffic.ts";
import type { NackEvent, ResponseEvent } from "../../src/xds/index.ts";

const response = { stream: { id: 1 } } as ResponseEvent & NackEvent;

test("it is quiet at once where nothing happens", async () => {
  const begun = performance.now();
  await observeTraffic().quiet();
  expect(performance.now() - begun).toBeLessThan(20);
});

test("it isn't quiet before a proxy has answered what it was sent", async () => {
  const traffic = observeTraffic();
  traffic.xdsEvents.onSend?.(response, 0);
  let isAnswered = false;
  const answering = new Promise<void>((resolve) =>
    setTimeout(() => {
      isAnswered = true;
      traffic.xdsEvents.onAck?.(response);
      resolve();
    }, 100),
  );
  await traffic.quiet();
  expect(isAnswered).toBe(true);
  await answering;
});

test("changes that never stop hold nothing up for ever", async () => {
  const traffic = observeTraffic();
  traffic.changed();
  const changing = setInterval(traffic.changed, 5);
  const begun = performance.now();
  await traffic.quiet();
  clearInterval(changing);
  expect(performance.now() - begun).toBeGreaterThan(100);
});

test("a stream that has ended owes no answer", async () => {
  const traffic = observeTraffic();
  traffic.xdsEvents.onSend?.(response, 0);
  traffic.xdsEvents.onStreamClose?.(response.stream);
  const begun = performance.now();
  await traffic.quiet();
  expect(performance.now() - begun).toBeLessThan(1_000);
});
