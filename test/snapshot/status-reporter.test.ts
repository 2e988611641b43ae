import { expect, onTestFinished, test } from "vitest";
import { Status_State } from "../../generated/proto/epoxy/core/v1/status.ts";
import { createGraph } from "../../src/collections/index.ts";
import { isUnavailable, problemsOf } from "../../src/errors/index.ts";
import { type Ref, refText } from "../../src/resources/index.ts";
import { createStatusReporter, fromWatch, type ReportResult } from "../../src/snapshot/index.ts";
import { createMemoryStorage } from "../../src/storage/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { failingClient, unavailable } from "./support/failing-client.ts";
import { status, UpstreamKind, upstream } from "./support/resources.ts";

const namespace = "gloo-system";
const ref = (name: string): Ref => ({ namespace: "ns", name });
const quick = { backoff: { initial: 1, max: 1 } };
const texts = ({ written, unchanged, outdated, errors }: ReportResult) => ({
  written: written.map(refText),
  unchanged: unchanged.map(refText),
  outdated: outdated.map(refText),
  errors: errors.map(({ error }) => error.message),
});

/** A client over a memory storage that counts its status writes. */
function counting() {
  const client = createMemoryStorage().client(UpstreamKind);
  const calls: string[] = [];
  return {
    calls,
    client: failingClient(client, (call, at) => void (call === "writeStatus" && calls.push(at))),
    read: async (name: string) => (await client.read(ref(name))).namespacedStatuses?.statuses,
  };
}

test("statuses are written under the reporter's namespace, and others' are kept", async () => {
  const { client, read } = counting();
  const resource = await client.write(upstream("a"));
  await client.writeStatus(ref("a"), "elsewhere", status("theirs"));
  const reporter = createStatusReporter({ namespace });
  const result = await reporter.report(client, [
    { ref: ref("a"), resource, status: status("bad", Status_State.Rejected) },
  ]);
  expect(texts(result)).toMatchObject({ written: ["ns.a"], errors: [] });
  expect(await read("a")).toMatchObject({
    elsewhere: { reason: "theirs" },
    [namespace]: { state: Status_State.Rejected, reason: "bad" },
  });
});

test("what has been written for a version is not written again, and another status is", async () => {
  const { client, calls, read } = counting();
  const resource = await client.write(upstream("a"));
  const reporter = createStatusReporter({ namespace });
  const report = (reason: string) => reporter.report(client, [{ ref: ref("a"), resource, status: status(reason) }]);
  await report("one");
  expect([texts(await report("one")).unchanged, calls.length]).toEqual([["ns.a"], 1]);
  await report("two");
  expect(texts(await report("one")).written).toEqual(["ns.a"]);
  expect((await read("a"))?.[namespace]?.reason).toBe("one");
});

test("a new process does not ask the storage for what the watch shows to have the status already", async () => {
  const { client, calls } = counting();
  const resource = await client.write(upstream("a"));
  await createStatusReporter({ namespace }).report(client, [{ ref: ref("a"), resource, status: status("one") }]);
  const graph = createGraph();
  const source = fromWatch(graph, "upstreams", client);
  onTestFinished(() => source.close());
  await graph.whenSynced([source.collection]);
  const judged = source.collection.get("ns/a") ?? resource;
  const reporter = createStatusReporter({ namespace });
  const report = (reason: string) =>
    reporter.report(client, [{ ref: ref("a"), resource: judged, status: status(reason) }], { latest: source.latest });
  expect([texts(await report("one")).unchanged, calls.length]).toEqual([["ns.a"], 1]);
  await report("two");
  await waitFor(() => source.latest(ref("a"))?.namespacedStatuses?.statuses[namespace]?.reason === "two");
  // Someone else's edit is put right, though this process wrote the same before.
  await client.writeStatus(ref("a"), namespace, status("edited"));
  await waitFor(() => source.latest(ref("a"))?.namespacedStatuses?.statuses[namespace]?.reason === "edited");
  expect(texts(await report("two")).written).toEqual(["ns.a"]);
});

test("a status is not written to a newer specification than the one judged, nor to what is gone", async () => {
  const { client, read } = counting();
  const judged = await client.write(upstream("a", "old"));
  const gone = await client.write(upstream("b"));
  await client.write({ ...upstream("a", "new"), metadata: judged.metadata }, { overwrite: true });
  await client.delete(ref("b"));
  const result = await createStatusReporter({ namespace }).report(client, [
    { ref: ref("a"), resource: judged, status: status() },
    { ref: ref("b"), resource: gone, status: status() },
  ]);
  expect(texts(result)).toEqual({ written: [], unchanged: [], outdated: ["ns.a", "ns.b"], errors: [] });
  expect(await read("a")).toBeUndefined();
});

test("a newer version with the same specification gets the status", async () => {
  const { client } = counting();
  const judged = await client.write(upstream("a"));
  await client.writeStatus(ref("a"), "elsewhere", status("theirs"));
  const result = await createStatusReporter({ namespace }).report(client, [
    { ref: ref("a"), resource: judged, status: status() },
  ]);
  expect(texts(result).written).toEqual(["ns.a"]);
});

test("failures are tried again, keep no other from being written, and are reported together", async () => {
  const { client } = counting();
  const [a, b, c] = [
    await client.write(upstream("a")),
    await client.write(upstream("b")),
    await client.write(upstream("c")),
  ];
  let failuresOfA = 2;
  const failing = failingClient(client, (_call, at) => {
    if (at === "ns.a" && failuresOfA-- > 0) throw unavailable();
    if (at === "ns.b") throw unavailable();
  });
  const entries = [a, b, c].map((resource, i) => ({ ref: ref("abc".charAt(i)), resource, status: status() }));
  const reporter = createStatusReporter({ namespace, tries: 3, ...quick });
  const result = await reporter.report(failing, entries, { onErrors: "return" });
  expect({ ...texts(result), written: texts(result).written.sort() }).toEqual({
    written: ["ns.a", "ns.c"],
    unchanged: [],
    outdated: [],
    errors: ["can't write the status of Upstream ns.b: connection refused"],
  });
  const error: unknown = await reporter.report(failing, entries).catch((thrown: unknown) => thrown);
  expect([isUnavailable(error), problemsOf(error).map(({ resource }) => resource)]).toEqual([true, ["Upstream ns.b"]]);
});

test("an abort rejects with its reason", async () => {
  const { client } = counting();
  const resource = await client.write(upstream("a"));
  const abort = new AbortController();
  const aborting = failingClient(client, () => {
    abort.abort(new Error("stopped"));
    throw unavailable();
  });
  const report = createStatusReporter({ namespace }).report(aborting, [{ ref: ref("a"), resource, status: status() }], {
    signal: abort.signal,
  });
  await expect(report).rejects.toThrow("stopped");
});
