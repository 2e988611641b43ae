import { expect, test } from "vitest";
import { Status_State } from "../../generated/proto/epoxy/core/v1/status.ts";
import { UpstreamKind } from "../../generated/sdk/index.ts";
import { createGraph } from "../../src/collections/index.ts";
import { silentLogger } from "../../src/control-plane/logger.ts";
import type { JudgedResource } from "../../src/control-plane/status-graph.ts";
import { writeStatuses } from "../../src/control-plane/status-writer.ts";
import { createStatusReporter, fromWatch, statusOfReport } from "../../src/snapshot/index.ts";
import { createMemoryStorage } from "../../src/storage/index.ts";
import { waitFor } from "../support/wait-for.ts";

test("a verdict that came while not everything was known is written once everything is", async () => {
  const storage = createMemoryStorage();
  const client = storage.client(UpstreamKind);
  const stored = await client.write(
    UpstreamKind.type.codec.fromPartial({ metadata: { name: "late", namespace: "gloo-system" } }),
  );
  const graph = createGraph();
  const statuses = graph.source<JudgedResource>("statuses");
  await using source = fromWatch(graph, "upstreams", client);
  await waitFor(() => source.collection.synced);
  const target = { statuses, client, source } as never;
  await using _writer = writeStatuses(
    [target],
    createStatusReporter({ namespace: "gloo-system" }),
    silentLogger,
    async () => {},
  );
  statuses.markSynced();
  graph.flush();
  const status = statusOfReport({ errors: [], warnings: [], messages: [] }, { reportedBy: "gloo" });
  statuses.set("gloo-system/late", { resource: stored, status });
  statuses.markSynced(false);
  graph.flush();
  statuses.markSynced();
  graph.flush();
  await waitFor(async () => {
    const { namespacedStatuses } = await client.read({ namespace: "gloo-system", name: "late" });
    return namespacedStatuses?.statuses["gloo-system"]?.state === Status_State.Accepted;
  });
  expect(graph.errors()).toEqual([]);
  await storage.close();
});
