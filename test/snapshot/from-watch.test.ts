import { expect, onTestFinished, test } from "vitest";
import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { createGraph } from "../../src/collections/index.ts";
import { EpoxyError } from "../../src/errors/index.ts";
import { changes$, fromWatch, watch$ } from "../../src/snapshot/index.ts";
import { createMemoryStorage, type WatchEvent } from "../../src/storage/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { pushedClient } from "./support/pushed-client.ts";
import { serviceOf, status, UpstreamKind, upstream } from "./support/resources.ts";

const ref = { namespace: "ns", name: "a" };

test("a collection follows its watch: state, changes, removals", async () => {
  const graph = createGraph();
  const storage = createMemoryStorage();
  const client = storage.client(UpstreamKind);
  await client.write(upstream("a", "one"));
  await client.write(upstream("b"));
  const source = fromWatch(graph, "upstreams", client);
  await graph.whenSynced([source.collection]);
  expect(source.collection.keys()).toEqual(["ns/a", "ns/b"]);
  await client.write({ ...(await client.read(ref)), ...pick(upstream("a", "two")) }, { overwrite: true });
  await waitFor(() => serviceOf(source.collection.get("ns/a")) === "two");
  await client.delete(ref);
  await waitFor(() => source.collection.size === 1);
  await source.close();
  await client.delete({ namespace: "ns", name: "b" });
  await graph.settled();
  expect(source.collection.keys()).toEqual(["ns/b"]);
  await storage.close();
});

const pick = ({ upstreamType }: Upstream) => ({ upstreamType });

test("a new status is no change of the collection, and is in what was seen last", async () => {
  const graph = createGraph();
  const storage = createMemoryStorage();
  onTestFinished(() => storage.close());
  const client = storage.client(UpstreamKind);
  const stored = await client.write(upstream("a"));
  const source = fromWatch(graph, "upstreams", client);
  onTestFinished(() => source.close());
  await graph.whenSynced([source.collection]);
  const seen: unknown[] = [];
  source.collection.subscribe((changes) => seen.push(changes));
  await client.writeStatus(ref, "gloo-system", status("fine"));
  await waitFor(() => source.latest(ref)?.namespacedStatuses?.statuses["gloo-system"]?.reason === "fine");
  await graph.settled();
  expect(seen).toEqual([]);
  expect(source.collection.get("ns/a")).toEqual(stored);
});

test("problems and staleness are in the health, and a gap's state replaces everything", async () => {
  const graph = createGraph();
  const pushed = pushedClient(UpstreamKind);
  const source = fromWatch(graph, "upstreams", pushed.client);
  onTestFinished(() => source.close());
  const problem = {
    ref,
    location: { source: "a.yaml", line: 3 },
    error: new EpoxyError("invalid", "unknown field"),
    lastGoodKept: true,
  };
  pushed.push({ type: "state", items: [upstream("a"), upstream("b")], problems: [problem] });
  await graph.whenSynced([source.collection]);
  expect(source.health.value).toEqual({ stale: undefined, problems: [problem] });
  const error = new EpoxyError("unavailable", "gone");
  pushed.push({ type: "stale", error });
  await waitFor(() => source.health.value?.stale === error);
  expect([source.collection.size, source.collection.synced]).toEqual([2, true]);
  pushed.push({ type: "live" });
  pushed.push({ type: "state", items: [upstream("c")], problems: [] });
  await waitFor(() => source.collection.size === 1);
  expect(source.collection.keys()).toEqual(["ns/c"]);
  expect(source.latest(ref)).toBeUndefined();
  expect(source.health.value).toEqual({ stale: undefined, problems: [] });
});

test("a watch that ends by itself makes its source stale instead of failing silently", async () => {
  const graph = createGraph();
  const storage = createMemoryStorage();
  const source = fromWatch(graph, "upstreams", storage.client(UpstreamKind));
  onTestFinished(() => source.close());
  await graph.whenSynced([source.collection]);
  await storage.close();
  await waitFor(() => source.health.value?.stale !== undefined);
  expect(source.health.value?.stale?.message).toBe("the watch of 'upstreams' has ended");
});

test("watch$ is the watch as an Observable; unsubscribing ends it", async () => {
  const pushed = pushedClient(UpstreamKind);
  const events: WatchEvent<Upstream>[] = [];
  const subscription = watch$(pushed.client).subscribe((event) => {
    events.push(event);
    if (event.type === "changes") subscription.unsubscribe();
  });
  pushed.push({ type: "state", items: [], problems: [] });
  await waitFor(() => events.length === 1);
  pushed.push({ type: "changes", changed: [upstream("a")], removed: [], problems: [] });
  pushed.push({ type: "live" });
  await waitFor(() => !pushed.isWatched());
  expect(events.map(({ type }) => type)).toEqual(["state", "changes"]);
});

test("watch$ errors with the signal's reason", async () => {
  const pushed = pushedClient(UpstreamKind);
  const abort = new AbortController();
  const outcome = Promise.withResolvers<unknown>();
  watch$(pushed.client, { signal: abort.signal }).subscribe({ error: outcome.resolve });
  abort.abort(new Error("stopped"));
  expect(await outcome.promise).toMatchObject({ message: "stopped" });
});

test("changes$ begins with what is there, and ends with its subscription", () => {
  const graph = createGraph({ schedule: () => {} });
  const source = graph.source<number>("numbers");
  source.set("a", 1);
  graph.flush();
  const seen: unknown[] = [];
  const subscription = changes$(source).subscribe((changes) => seen.push(changes));
  source.set("b", 2);
  source.markSynced();
  graph.flush();
  subscription.unsubscribe();
  source.set("c", 3);
  graph.flush();
  expect(seen).toEqual([[{ key: "a", before: undefined, after: 1 }], [{ key: "b", before: undefined, after: 2 }]]);
});
