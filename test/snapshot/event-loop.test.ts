import { afterEach, describe, expect, expectTypeOf, test } from "vitest";
import type { Artifact } from "../../generated/proto/epoxy/gloo/v1/artifact.ts";
import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { EpoxyError, isInvalid, isUnavailable } from "../../src/errors/index.ts";
import type { Resource } from "../../src/resources/index.ts";
import {
  createEventLoop,
  type EventLoop,
  type EventLoopError,
  type EventLoopOptions,
  type ResourceChanges,
  type Snapshot,
  type SyncEvent,
  snapshot$,
} from "../../src/snapshot/index.ts";
import { createMemoryStorage, type Storage } from "../../src/storage/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { manualClock } from "./support/manual-clock.ts";
import { pushedClient } from "./support/pushed-client.ts";
import { ArtifactKind, artifact, names, serviceOf, status, UpstreamKind, upstream } from "./support/resources.ts";

const shape = { upstreams: UpstreamKind, artifacts: ArtifactKind };
type Event = SyncEvent<typeof shape>;

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((item) => item.close()));
});

/** A running loop over a memory storage that records its syncs. */
function record(
  options: EventLoopOptions<typeof shape> = {},
  sync: (event: Event, count: number) => void | Promise<void> = () => {},
  storage: Storage = createMemoryStorage(),
) {
  const events: Event[] = [];
  const errors: EventLoopError[] = [];
  const loop = createEventLoop(
    shape,
    storage,
    {
      sync(event) {
        events.push(event);
        return sync(event, events.length);
      },
    },
    { onError: (error) => errors.push(error), ...options },
  );
  open.push(loop, storage);
  void loop.run();
  const upstreams = storage.client(UpstreamKind);
  return { loop, events, errors, storage, upstreams, artifacts: storage.client(ArtifactKind) };
}

const summary = ({ added, updated, removed }: ResourceChanges<Resource>) => ({
  added: names(added),
  updated: names(updated),
  removed: names(removed),
});
const lastOf = <T>(list: readonly T[]): T => list.at(-1) as T;

test("a snapshot, its sets and its changes have exact types", () => {
  expectTypeOf<Snapshot<typeof shape>["upstreams"]["list"]>().returns.toEqualTypeOf<readonly Upstream[]>();
  expectTypeOf<Event["changes"]["artifacts"]["removed"]>().toEqualTypeOf<readonly Artifact[]>();
  expectTypeOf<keyof Event["snapshot"]>().toEqualTypeOf<"upstreams" | "artifacts" | "revision">();
  expectTypeOf<ReturnType<typeof record>["loop"]>().toEqualTypeOf<EventLoop<typeof shape>>();
});

describe("the first sync", () => {
  test("shows everything as added", async () => {
    const storage = createMemoryStorage();
    await storage.client(UpstreamKind).write(upstream("b"));
    await storage.client(UpstreamKind).write(upstream("a"));
    const { loop, events } = record({}, undefined, storage);
    await loop.ready;
    const { snapshot, changes } = lastOf(events);
    expect([snapshot.revision, names(snapshot.upstreams), snapshot.artifacts.size]).toEqual([1, ["a", "b"], 0]);
    expect(summary(changes.upstreams)).toEqual({ added: ["a", "b"], updated: [], removed: [] });
    expect(loop.health()).toMatchObject({ ready: true, syncedRevision: 1, failures: 0 });
  });

  test("comes where nothing is stored, too", async () => {
    const { loop, events } = record();
    await loop.ready;
    expect([events.length, lastOf(events).snapshot.upstreams.size]).toEqual([1, 0]);
  });

  test("waits until the slowest source has delivered its state", async () => {
    const slow = pushedClient(ArtifactKind);
    const storage = createMemoryStorage();
    await storage.client(UpstreamKind).write(upstream("a"));
    const sizes: number[][] = [];
    const loop = createEventLoop(
      shape,
      { upstreams: storage, artifacts: slow.client },
      { sync: ({ snapshot }) => void sizes.push([snapshot.upstreams.size, snapshot.artifacts.size]) },
    );
    open.push(loop, storage);
    void loop.run();
    await waitFor(() => loop.health().sources.upstreams.synced);
    expect([sizes, loop.health().sources.artifacts.synced]).toEqual([[], false]);
    slow.push({ type: "state", items: [artifact("x"), artifact("y")], problems: [] });
    await loop.ready;
    expect(sizes).toEqual([[1, 2]]);
  });
});

describe("changes", () => {
  test("are told by kind, and an older snapshot stays as it was", async () => {
    const { loop, events, upstreams, artifacts } = record();
    await loop.ready;
    const first = await upstreams.write(upstream("a", "one"));
    await upstreams.write(upstream("b", "one"));
    await waitFor(() => lastOf(events).snapshot.upstreams.size === 2);
    const before = lastOf(events).snapshot;
    await upstreams.write({ ...upstream("a", "two"), metadata: first.metadata }, { overwrite: true });
    await waitFor(() => serviceOf(lastOf(events).snapshot.upstreams.get({ namespace: "ns", name: "a" })) === "two");
    expect(summary(lastOf(events).changes.upstreams)).toEqual({ added: [], updated: ["a"], removed: [] });
    await upstreams.delete({ namespace: "ns", name: "b" });
    await waitFor(() => lastOf(events).snapshot.upstreams.size === 1);
    expect(summary(lastOf(events).changes.upstreams)).toEqual({ added: [], updated: [], removed: ["b"] });
    await artifacts.write(artifact("x"));
    await waitFor(() => lastOf(events).snapshot.artifacts.size === 1);
    expect(summary(lastOf(events).changes.upstreams)).toEqual({ added: [], updated: [], removed: [] });
    expect(names(before.upstreams)).toEqual(["a", "b"]);
    expect(serviceOf(before.upstreams.get({ namespace: "ns", name: "a" }))).toBe("one");
    expect(events.map(({ snapshot }) => snapshot.revision)).toEqual(events.map((_event, i) => i + 1));
  });

  test("that are only of the status cause no sync, but the next snapshot shows them", async () => {
    const { loop, events, upstreams, artifacts } = record();
    await loop.ready;
    await upstreams.write(upstream("a"));
    await waitFor(() => lastOf(events).snapshot.upstreams.size === 1);
    const count = events.length;
    await upstreams.writeStatus({ namespace: "ns", name: "a" }, "gloo-system", status("fine"));
    await artifacts.write(artifact("x"));
    await waitFor(() => lastOf(events).snapshot.artifacts.size === 1);
    const { snapshot, changes } = lastOf(events);
    expect(events).toHaveLength(count + 1);
    expect(summary(changes.upstreams)).toEqual({ added: [], updated: [], removed: [] });
    expect(snapshot.upstreams.list()[0]?.namespacedStatuses?.statuses["gloo-system"]?.reason).toBe("fine");
  });

  test("that are undone before a sync has seen them cause none", async () => {
    const gate = Promise.withResolvers<void>();
    const { events, upstreams, artifacts } = record({}, (_event, count) => (count === 1 ? gate.promise : undefined));
    await waitFor(() => events.length === 1);
    await upstreams.write(upstream("a"));
    await upstreams.delete({ namespace: "ns", name: "a" });
    await artifacts.write(artifact("x"));
    gate.resolve();
    await waitFor(() => lastOf(events).snapshot.artifacts.size === 1);
    expect(events.slice(1).map(({ changes }) => summary(changes.upstreams))).toEqual([
      { added: [], updated: [], removed: [] },
    ]);
  });

  test("of a burst are taken together", async () => {
    const { loop, events, upstreams } = record();
    await loop.ready;
    await Promise.all(Array.from({ length: 200 }, (_, i) => upstreams.write(upstream(`u${i}`))));
    await waitFor(() => lastOf(events).snapshot.upstreams.size === 200);
    expect(events.length).toBeLessThan(20);
    expect(events.flatMap(({ changes }) => names(changes.upstreams.added)).sort()).toEqual(
      Array.from({ length: 200 }, (_, i) => `u${i}`).sort(),
    );
  });

  test("reach an idle loop within milliseconds", async () => {
    const { loop, events, upstreams } = record({ quietMs: 5 });
    await loop.ready;
    const times: number[] = [];
    for (let i = 0; i < 10; i++) {
      const count = events.length;
      const started = performance.now();
      await upstreams.write(upstream(`u${i}`));
      await waitFor(() => events.length > count, { interval: 1 });
      times.push(performance.now() - started);
    }
    // The forebear needs a second; the median leaves out hiccups of a busy machine.
    expect(times.sort((a, b) => a - b)[5]).toBeLessThan(50);
  });
});

describe("a sync that fails", () => {
  test("is tried again without a change, told the same, with growing pauses, and is an event", async () => {
    const clock = manualClock();
    const { loop, events, errors } = record({ clock, backoff: { initial: 100 } }, (_event, count) => {
      if (count < 4) throw new Error(`no ${count}`);
    });
    for (const pause of [50, 100, 200]) {
      await waitFor(() => clock.pauses()[0] === pause);
      expect(loop.health()).toMatchObject({ ready: false, failures: errors.length });
      clock.advance(pause);
    }
    await loop.ready;
    expect(errors.map((e) => (e.type === "sync" ? [e.error.message, e.failures, e.retryInMs] : e))).toEqual([
      ["no 1", 1, 50],
      ["no 2", 2, 100],
      ["no 3", 3, 200],
    ]);
    expect(events.map(({ snapshot }) => snapshot.revision)).toEqual([1, 1, 1, 1]);
    expect(loop.health()).toMatchObject({ failures: 0, lastError: undefined });
  });

  test("accumulates changes until one succeeds, also for what has become what it was", async () => {
    let failing = true;
    const { loop, events, upstreams } = record({ backoff: { initial: 1, max: 1 } }, (_event, count) => {
      if (count > 1 && failing) throw new Error("not now");
    });
    await loop.ready;
    await upstreams.write(upstream("a"));
    await waitFor(() => lastOf(events).snapshot.upstreams.size === 1);
    await upstreams.write(upstream("b"));
    await upstreams.delete({ namespace: "ns", name: "a" });
    await waitFor(() => names(lastOf(events).snapshot.upstreams).join() === "b");
    failing = false;
    const count = events.length;
    await waitFor(() => events.length > count && loop.health().failures === 0);
    expect(summary(lastOf(events).changes.upstreams)).toEqual({ added: ["b"], updated: [], removed: ["a"] });
  });

  test("is tried sooner when something changes", async () => {
    const { errors, events, upstreams } = record({ backoff: { initial: 10, max: 60_000 } }, (_event, count) => {
      if (count < 14) throw new Error("no");
    });
    // After so many failures the next pause is longer than the test may take.
    await waitFor(async () => {
      await upstreams.write(upstream(`u${events.length}`)).catch(() => undefined);
      return errors.length >= 13;
    });
    await upstreams.write(upstream("repair"));
    await waitFor(() => events.length >= 14, { timeout: 3000 });
    expect(lastOf(events).snapshot.upstreams.has({ namespace: "ns", name: "repair" })).toBe(true);
  });
});

describe("a newer snapshot", () => {
  test("follows the running sync by default, and no two run at once", async () => {
    let running = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    const { loop, events, upstreams } = record({}, async ({ signal }, count) => {
      most = Math.max(most, ++running);
      if (count === 1) await gate.promise;
      expect(signal.aborted).toBe(false);
      running--;
    });
    await waitFor(() => events.length === 1);
    await upstreams.write(upstream("a"));
    gate.resolve();
    await loop.ready;
    await waitFor(() => lastOf(events).snapshot.upstreams.size === 1);
    expect(most).toBe(1);
  });

  test("aborts the running sync in mode abort, which is then told all again", async () => {
    const { loop, events, errors, upstreams } = record({ mode: "abort" }, async ({ signal }, count) => {
      if (count !== 2) return;
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    });
    await loop.ready;
    await upstreams.write(upstream("a"));
    await waitFor(() => events.length === 2);
    await upstreams.write(upstream("b"));
    await waitFor(() => lastOf(events).snapshot.upstreams.size === 2);
    expect(events[1]?.signal.aborted).toBe(true);
    expect(summary(lastOf(events).changes.upstreams)).toEqual({ added: ["a", "b"], updated: [], removed: [] });
    expect(errors).toEqual([]);
  });
});

test("in mode abort, a new status does not abort the running sync", async () => {
  const source = pushedClient(UpstreamKind);
  const signals: AbortSignal[] = [];
  const gate = Promise.withResolvers<void>();
  const loop = createEventLoop(
    { upstreams: UpstreamKind },
    { upstreams: source.client },
    {
      sync({ signal }) {
        signals.push(signal);
        return gate.promise;
      },
    },
    { mode: "abort" },
  );
  open.push(loop);
  void loop.run();
  source.push({ type: "state", items: [upstream("a")], problems: [] });
  await waitFor(() => signals.length === 1);
  const judged = { ...upstream("a"), namespacedStatuses: { statuses: { "gloo-system": status("fine") } } };
  const error = new EpoxyError("invalid", "bad indentation");
  const problem = { ref: undefined, location: { source: "b.yaml" }, error, lastGoodKept: false };
  source.push({ type: "changes", changed: [judged], removed: [], problems: [problem] });
  await waitFor(() => loop.health().sources.upstreams.problems.length === 1);
  expect(signals[0]?.aborted).toBe(false);
  source.push({ type: "changes", changed: [upstream("a", "other")], removed: [], problems: [] });
  await waitFor(() => signals[0]?.aborted);
  gate.resolve();
  await loop.ready;
});

describe("sources", () => {
  test("can be limited to namespaces and labels, for all kinds or for one", async () => {
    const storage = createMemoryStorage();
    const [upstreams, artifacts] = [storage.client(UpstreamKind), storage.client(ArtifactKind)];
    for (const namespace of ["one", "two", "onetwo"]) {
      await upstreams.write(upstream(`u-${namespace}`, "s", { namespace }));
      await artifacts.write(artifact(`x-${namespace}`, "", { namespace, labels: { in: namespace } }));
    }
    const { loop, events } = record(
      { namespaces: ["one"], scopes: { artifacts: { selector: { matchLabels: { in: "two" } } } } },
      undefined,
      storage,
    );
    await loop.ready;
    const { snapshot } = lastOf(events);
    expect([names(snapshot.upstreams), names(snapshot.artifacts)]).toEqual([["u-one"], ["x-two"]]);
  });

  test("that fail keep their last good data, are an event, and show in the health until they are back", async () => {
    const source = pushedClient(UpstreamKind);
    const errors: EventLoopError[] = [];
    const sizes: number[] = [];
    const loop = createEventLoop(
      { upstreams: UpstreamKind },
      { upstreams: source.client },
      { sync: ({ snapshot }) => void sizes.push(snapshot.upstreams.size) },
      { onError: (error) => errors.push(error) },
    );
    open.push(loop);
    void loop.run();
    const problem = {
      ref: { namespace: "ns", name: "broken" },
      location: { source: "broken.yaml" },
      error: new EpoxyError("invalid", "bad indentation"),
      lastGoodKept: false,
    };
    source.push({ type: "state", items: [upstream("a")], problems: [problem] });
    await loop.ready;
    expect(loop.health().sources.upstreams).toEqual({ synced: true, stale: undefined, problems: [problem] });
    const error = new EpoxyError("unavailable", "connection refused");
    source.push({ type: "stale", error });
    await waitFor(() => loop.health().sources.upstreams.stale === error);
    expect(errors).toEqual([{ type: "source", member: "upstreams", error }]);
    source.push({ type: "live" });
    source.push({ type: "changes", changed: [upstream("b")], removed: [], problems: [] });
    await waitFor(() => sizes.length === 2);
    expect(sizes).toEqual([1, 2]);
    expect(loop.health().sources.upstreams).toEqual({ synced: true, stale: undefined, problems: [] });
  });

  test("that are missing, and a member called revision, are refused", () => {
    const storage = createMemoryStorage();
    open.push(storage);
    const attempts = [
      () => createEventLoop({ revision: UpstreamKind }, storage, { sync() {} }),
      () => createEventLoop(shape, { upstreams: storage } as never, { sync() {} }),
    ];
    for (const attempt of attempts) {
      let thrown: unknown;
      try {
        attempt();
      } catch (error) {
        thrown = error;
      }
      expect(isInvalid(thrown)).toBe(true);
    }
  });
});

describe("the end", () => {
  test("aborts the running sync and waits for it, and a loop that never succeeded is not ready", async () => {
    let finished = false;
    const { loop, events } = record({}, async ({ signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      await new Promise((resolve) => setImmediate(resolve));
      finished = true;
    });
    await waitFor(() => events.length === 1);
    await loop.close();
    expect(finished).toBe(true);
    await expect(loop.ready.catch(isUnavailable)).resolves.toBe(true);
    await loop.close();
  });

  test("comes with the signal given to run, and releases the watches", async () => {
    const source = pushedClient(UpstreamKind);
    const loop = createEventLoop({ upstreams: UpstreamKind }, { upstreams: source.client }, { sync() {} });
    const abort = new AbortController();
    const ended = loop.run(abort.signal);
    source.push({ type: "state", items: [], problems: [] });
    await loop.ready;
    expect(source.isWatched()).toBe(true);
    abort.abort();
    await ended;
    expect(source.isWatched()).toBe(false);
  });

  test("before the sources are synced leaves nothing behind", async () => {
    const source = pushedClient(UpstreamKind);
    const loop = createEventLoop({ upstreams: UpstreamKind }, { upstreams: source.client }, { sync() {} });
    const ended = loop.run();
    await waitFor(() => source.isWatched());
    await loop.close();
    await ended;
    expect(source.isWatched()).toBe(false);
  });
});

test("snapshot$ is an event loop as an Observable that ends with its subscription", async () => {
  const source = pushedClient(UpstreamKind);
  const seen: string[][] = [];
  const subscription = snapshot$({ upstreams: UpstreamKind }, { upstreams: source.client }).subscribe(({ snapshot }) =>
    seen.push(names(snapshot.upstreams)),
  );
  source.push({ type: "state", items: [upstream("a")], problems: [] });
  await waitFor(() => seen.length === 1);
  source.push({ type: "changes", changed: [upstream("b")], removed: [], problems: [] });
  await waitFor(() => seen.length === 2);
  subscription.unsubscribe();
  await waitFor(() => !source.isWatched());
  expect(seen).toEqual([["a"], ["a", "b"]]);
});
