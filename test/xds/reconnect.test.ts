import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { createXdsCache, createXdsServer, typeUrls } from "../../src/xds/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { openAdsStream } from "./support/ads-stream.ts";
import { startFleet } from "./support/fleet-process.ts";
import { resources } from "./support/messages.ts";

const { cluster: CDS } = typeUrls;
const CLIENTS = 1_000;
const CLUSTERS = 300;
/** Of the fleet may be answered, so many, before a change that came meanwhile arrives; were they let in all at once, it would be nearly all of them. */
const MOST_OVERTAKING = CLIENTS / 5;
/** Between changes. */
const PAUSE_MS = 2;

test("while 1,000 clients ask at once, a change goes to an established one before all but a few of them are answered", {
  timeout: 60_000,
}, async () => {
  const cache = createXdsCache();
  const values = Object.fromEntries(Array.from({ length: CLUSTERS }, (_, index) => [`c${index}`, "x".repeat(500)]));
  for (const key of ["established", "fleet"]) cache.apply(key, { upsert: resources(CDS, values), complete: true });
  await using server = createXdsServer({
    ...{ cache, port: 0, fallbackKey: "none", snapshotKey: ({ metadata }) => String(metadata["role"]) },
    limits: { newForMs: 1 },
  });
  const { port } = await server.listen();
  let received = Promise.withResolvers<unknown>();
  const established = openAdsStream(port, "established", {
    onResponse: (response) => received.resolve(response),
    onEnd: (error) => received.reject(error),
  });
  onTestFinished(() => established.close());
  established.subscribe(CDS);
  await received.promise;
  const fleet = await startFleet(port, CLIENTS);
  onTestFinished(() => fleet.stop());
  await waitFor(() => server.metrics.streams === CLIENTS + 1, { timeout: 40_000 });

  const answered = (): number => server.metrics.byType.get(CDS)?.responses ?? 0;
  const over = new AbortController();
  const start = performance.now();
  const all = fleet.ask().finally(() => over.abort());
  /** Of each change: how many of the fleet were answered before it had arrived. */
  const overtaking: number[] = [];
  const latencies: number[] = [];
  let mostWaiting = 0;
  while (!over.signal.aborted) {
    received = Promise.withResolvers();
    const before = answered();
    const at = performance.now();
    cache.apply("established", { upsert: resources(CDS, { c0: `${overtaking.length}` }) });
    await received.promise;
    overtaking.push(answered() - before - 1);
    latencies.push(performance.now() - at);
    mostWaiting = Math.max(mostWaiting, server.metrics.waiting);
    await pause(PAUSE_MS);
  }
  await all;
  const whole = performance.now() - start;
  expect(mostWaiting).toBeGreaterThan(CLIENTS / 10);
  expect(Math.max(...overtaking)).toBeLessThan(MOST_OVERTAKING);
  expect(overtaking.filter((count) => count > 0).length).toBeGreaterThanOrEqual(CLIENTS / MOST_OVERTAKING);
  expect(Math.max(...latencies)).toBeLessThan(whole / 2);
});
