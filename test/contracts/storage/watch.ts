import { expect, test } from "vitest";
import { isUnavailable } from "../../../src/errors/index.ts";
import type { Selector } from "../../../src/resources/index.ts";
import { createWatchGroup, type WatchEvent } from "../../../src/storage/index.ts";
import { follow } from "../support/follow.ts";
import { type Widget, widget, WidgetKind } from "../support/kinds.ts";
import { keysOf, onNewStorage, type StorageFixture, type StorageHarness } from "./harness.ts";

const ref = (name: string, namespace = "ns-1") => ({ namespace, name });

/** Behaviours 26 to 30, 52, 54, 55, 59 to 62, 64 to 66: watches. */
export function watchContract<F extends StorageFixture>(harness: StorageHarness<F>): void {
  test(
    "26–30: a watch over all namespaces gives the state at once, then creations, deletions and re-creations",
    onNewStorage(harness, async ({ widgets, signal }) => {
      await widgets.write(widget("r1"));
      await widgets.write(widget("r2", {}, { namespace: "ns-2" }));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/r1", "ns-2/r2");
      expect(seen.events[0]?.type).toBe("state");
      await widgets.delete(ref("r2", "ns-2"));
      await seen.sees("ns-1/r1");
      await widgets.write(widget("r2", { text: "again" }, { namespace: "ns-2" }));
      await widgets.write(widget("r3"));
      await seen.sees("ns-1/r1", "ns-2/r2", "ns-1/r3");
      expect(seen.items.get("ns-2/r2")?.text).toBe("again");
      expect(seen.isStale).toBe(false);
      expect(seen.outcome).toBeUndefined();
    }),
  );

  test(
    "an empty storage gives an empty state",
    onNewStorage(harness, async ({ widgets, signal }) => {
      const seen = follow(widgets.watch({ signal }));
      await seen.sees();
      expect(seen.events).toEqual([{ type: "state", items: [], problems: [] }]);
    }),
  );

  test(
    "55: the deletion of the last resource is seen",
    onNewStorage(harness, async ({ widgets, signal }) => {
      await widgets.write(widget("one"));
      const seen = follow(widgets.watch({ namespaces: ["ns-1"], signal }));
      await seen.sees("ns-1/one");
      await widgets.delete(ref("one"));
      await seen.sees();
      expect(seen.events.map(({ type }) => type)).toEqual(["state", "changes"]);
    }),
  );

  test.runIf(harness.tellsWhenSeen === true)(
    "a change says when it was seen",
    onNewStorage(harness, async ({ widgets, signal }) => {
      const first = await widgets.write(widget("one", { text: "1" }));
      const events = widgets.watch({ signal })[Symbol.asyncIterator]();
      expect((await events.next()).value?.type).toBe("state");
      const changes = [
        () => widgets.write({ ...first, text: "2" }, { overwrite: true }),
        () => widgets.delete(ref("one")),
      ];
      for (const change of changes) {
        const next = events.next();
        const before = performance.now();
        await change();
        const { seenAt } = (await next).value as WatchEvent<Widget> & { type: "changes" };
        expect(seenAt).toBeGreaterThan(before);
        expect(seenAt).toBeLessThan(performance.now());
      }
      await events.return?.();
    }),
  );

  test(
    "64, 67: an update is seen as it is stored, and is frozen",
    onNewStorage(harness, async ({ widgets, signal }) => {
      const first = await widgets.write(widget("one", { text: "1" }));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one");
      const second = await widgets.write({ ...first, text: "2" }, { overwrite: true });
      await seen.until(({ items }) => items.get("ns-1/one")?.text === "2");
      expect(seen.items.get("ns-1/one")).toEqual(second);
      expect(Object.isFrozen(seen.items.get("ns-1/one")?.metadata)).toBe(true);
    }),
  );

  test(
    "52, 54, 65: a watch of namespaces that don't exist yet sees what appears in them, and nothing of others",
    onNewStorage(harness, async ({ widgets, signal }) => {
      const seen = follow(widgets.watch({ namespaces: ["foo", "bar"], signal }));
      await seen.sees();
      await widgets.write(widget("hidden", {}, { namespace: "foobar" }));
      await widgets.write(widget("one", {}, { namespace: "foo" }));
      await seen.sees("foo/one");
      await widgets.write(widget("two", {}, { namespace: "bar" }));
      await seen.sees("foo/one", "bar/two");
      await widgets.delete(ref("hidden", "foobar"));
      await widgets.delete(ref("one", "foo"));
      await seen.sees("bar/two");
      expect(seen.events.every((event) => !JSON.stringify(event, bigintText).includes("hidden"))).toBe(true);
    }),
  );

  test(
    "63: a watch sees nothing of other kinds",
    onNewStorage(harness, async ({ widgets, gadgets, territories, signal }) => {
      const seen = follow(widgets.watch({ signal }));
      const cluster = follow(territories.watch({ signal }));
      await seen.sees();
      await gadgets.write({ metadata: widget("one").metadata, text: "gadget" });
      await territories.write({ ...widget("world", {}, { namespace: "" }), text: "t" });
      await widgets.write(widget("two"));
      await seen.sees("ns-1/two");
      await cluster.sees("/world");
      expect(seen.events.slice(1).flatMap((event) => (event.type === "changes" ? event.changed : []))).toHaveLength(1);
    }),
  );

  test(
    "61: a selector holds for every event: what stops to match is removed, what starts to is there",
    onNewStorage(harness, async ({ widgets, signal }) => {
      const selector: Selector = { expressions: [{ key: "app", operator: "In", values: ["x", "y"] }] };
      await widgets.write(widget("in", {}, { labels: { app: "x" } }));
      await widgets.write(widget("out", {}, { labels: { app: "z" } }));
      const seen = follow(widgets.watch({ selector, signal }));
      await seen.sees("ns-1/in");
      const change = async (name: string, app: string) => {
        const stored = await widgets.read(ref(name));
        const metadata = { ...(stored.metadata as NonNullable<Widget["metadata"]>), labels: { app } };
        await widgets.write({ ...stored, metadata }, { overwrite: true });
      };
      await change("out", "y");
      await seen.sees("ns-1/in", "ns-1/out");
      await change("in", "z");
      await seen.sees("ns-1/out");
      await widgets.write(widget("late", {}, { labels: { app: "z" } }));
      await widgets.write(widget("later", {}, { labels: { app: "x" } }));
      await seen.sees("ns-1/out", "ns-1/later");
      const changed = seen.events.flatMap((event) => (event.type === "changes" ? event.changed : []));
      expect(changed.map(({ metadata }) => metadata?.labels.app)).toEqual(["y", "x"]);
    }),
  );

  test(
    "66: a slow consumer sees the latest, each resource once, never an older one after a newer",
    onNewStorage(harness, async ({ widgets, signal }) => {
      const events = widgets.watch({ signal })[Symbol.asyncIterator]();
      expect((await events.next()).value).toMatchObject({ type: "state", items: [] });
      let stored = await widgets.write(widget("busy", { text: "0" }));
      for (let n = 1; n <= 20; n++) stored = await widgets.write({ ...stored, text: `${n}` }, { overwrite: true });
      await widgets.write(widget("gone"));
      await widgets.delete(ref("gone"));
      await widgets.write(widget("last"));
      const told: number[] = [];
      const present = new Set<string>();
      while (!present.has("last") || present.has("gone") || told.at(-1) !== 20) {
        const { value } = (await events.next()) as { value: WatchEvent<Widget> };
        if (value.type !== "changes") throw new Error(`unexpected ${value.type}`);
        for (const { metadata, text } of value.changed) {
          present.add(metadata?.name ?? "");
          if (metadata?.name === "busy") told.push(Number(text));
        }
        for (const { name } of value.removed) present.delete(name);
      }
      await events.return?.();
      expect(told).toEqual([...told].sort((a, b) => a - b));
      expect(told.length).toBeLessThan(20);
    }),
  );

  test(
    "66: events are in order of namespace and name",
    onNewStorage(harness, async ({ widgets, signal }) => {
      for (const name of ["c", "a", "b"]) await widgets.write(widget(name));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/a", "ns-1/b", "ns-1/c");
      const [state] = seen.events;
      expect(state?.type === "state" && keysOf(state.items)).toEqual(["ns-1/a", "ns-1/b", "ns-1/c"]);
    }),
  );

  test(
    "52: several watches make one stream that keeps its sources apart, and lets them come and go",
    onNewStorage(harness, async ({ widgets, signal }) => {
      await widgets.write(widget("one", {}, { namespace: "ns-1" }));
      await widgets.write(widget("one", {}, { namespace: "ns-2" }));
      const group = createWatchGroup<Widget>(signal);
      const shown = new Map<string, Set<string>>();
      const read = async (): Promise<void> => {
        for await (const { source, event } of group) {
          const keys = (event.type === "changes" && shown.get(source)) || new Set<string>();
          for (const key of "items" in event ? keysOf(event.items) : []) keys.add(key);
          for (const key of "changed" in event ? keysOf(event.changed) : []) keys.add(key);
          for (const { namespace, name } of "removed" in event ? event.removed : [])
            keys.delete(`${namespace}/${name}`);
          shown.set(source, keys);
        }
      };
      const reading = read().catch(() => undefined);
      const shows = (source: string) => [...(shown.get(source) ?? ["nothing yet"])];
      group.add("a", widgets.watch({ namespaces: ["ns-1"], signal }));
      group.add("b", widgets.watch({ namespaces: ["ns-2"], signal }));
      await expect.poll(() => shows("a")).toEqual(["ns-1/one"]);
      await expect.poll(() => shows("b")).toEqual(["ns-2/one"]);
      group.add("all", widgets.watch({ signal }));
      await expect.poll(() => shows("all")).toEqual(["ns-1/one", "ns-2/one"]);
      group.remove("b");
      await expect.poll(() => shows("b")).toEqual([]);
      await widgets.write(widget("two", {}, { namespace: "ns-2" }));
      await expect.poll(() => shows("all")).toEqual(["ns-1/one", "ns-2/one", "ns-2/two"]);
      expect(shows("a")).toEqual(["ns-1/one"]);
      expect(shows("b")).toEqual([]);
      void reading;
    }),
  );

  test(
    "60: an aborted watch ends at once with the signal's reason",
    onNewStorage(harness, async ({ widgets }) => {
      const controller = new AbortController();
      const seen = follow(widgets.watch({ signal: controller.signal }));
      await seen.sees();
      const reason = new Error("enough");
      const start = performance.now();
      controller.abort(reason);
      await seen.until(({ outcome }) => outcome !== undefined);
      expect(performance.now() - start).toBeLessThan(500);
      expect(seen.outcome).toEqual({ error: reason });
      await widgets.write(widget("one"));
      expect(seen.items.size).toBe(0);
    }),
  );

  test(
    "60: leaving the loop ends the watch, and others go on",
    onNewStorage(harness, async ({ widgets, signal }) => {
      const seen = follow(widgets.watch({ signal }));
      await seen.sees();
      for await (const event of widgets.watch({ signal })) {
        expect(event.type).toBe("state");
        break;
      }
      await widgets.write(widget("one"));
      await seen.sees("ns-1/one");
    }),
  );

  test(
    "60: closing the storage ends its watches",
    onNewStorage(harness, async ({ widgets, storage, signal }) => {
      const seen = follow(widgets.watch({ signal }));
      await seen.sees();
      await storage.close();
      await seen.until(({ outcome }) => outcome !== undefined);
      expect(seen.outcome).toBe("ended");
    }),
  );

  const { another, putRaw, interrupt } = harness;
  // What a backend can't do has no test.
  /* oxlint-disable vitest/no-conditional-tests */
  if (another !== undefined) {
    test(
      "a watch sees what another process writes and deletes",
      onNewStorage(harness, async ({ widgets, fixture, signal }) => {
        const other = await another(fixture);
        try {
          const seen = follow(widgets.watch({ signal }));
          await seen.sees();
          const written = await other.client(WidgetKind).write(widget("one", { text: "other" }));
          await seen.sees("ns-1/one");
          expect(seen.items.get("ns-1/one")).toEqual(written);
          await other.client(WidgetKind).delete(ref("one"));
          await seen.sees();
        } finally {
          await other.close();
        }
      }),
    );
  }

  if (putRaw !== undefined) {
    test(
      "59, 62: a broken entry keeps its last good version, with a problem, until it is mended or deleted",
      onNewStorage(harness, async ({ widgets, fixture, signal }) => {
        await widgets.write(widget("one", { text: "good" }));
        await widgets.write(widget("two", { text: "1" }));
        const seen = follow(widgets.watch({ signal }));
        await seen.sees("ns-1/one", "ns-1/two");
        await putRaw(fixture, WidgetKind, ref("one"), "metadata: {name: one, namespace: ns-1}\ntext: [\n");
        await seen.until(({ problems }) => problems.length === 1);
        expect(seen.problems[0]).toMatchObject({ ref: ref("one"), lastGoodKept: true });
        expect(seen.items.get("ns-1/one")?.text).toBe("good");
        const two = await widgets.read(ref("two"));
        await widgets.write({ ...two, text: "2" }, { overwrite: true });
        await seen.until(({ items }) => items.get("ns-1/two")?.text === "2");
        expect(seen.problems).toHaveLength(1);
        await putRaw(fixture, WidgetKind, ref("one"), "metadata: {name: one, namespace: ns-1}\ntext: mended\n");
        await seen.until(({ problems }) => problems.length === 0);
        expect(seen.items.get("ns-1/one")?.text).toBe("mended");
      }),
    );
  }

  if (interrupt !== undefined) {
    test(
      "59: while the engine fails, what is known stays and is marked stale; when it is back, what was missed arrives",
      onNewStorage(harness, async ({ widgets, fixture, signal }) => {
        await widgets.write(widget("one", { text: "1" }));
        const seen = follow(widgets.watch({ signal }));
        await seen.sees("ns-1/one");
        const resume = await interrupt(fixture);
        await seen.until(({ isStale }) => isStale);
        expect([...seen.items.keys()]).toEqual(["ns-1/one"]);
        await expect(widgets.list()).rejects.toSatisfy(isUnavailable);
        await resume();
        await seen.until(({ isStale }) => !isStale);
        await widgets.write(widget("two"));
        await seen.sees("ns-1/one", "ns-1/two");
        expect(seen.events.filter(({ type }) => type === "state")).toHaveLength(1);
      }),
    );
  }
}

const bigintText = (_: string, value: unknown): unknown => (typeof value === "bigint" ? `${value}` : value);
