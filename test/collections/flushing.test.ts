import { describe, expect, test } from "vitest";
import { type ChangeSet, createGraph } from "../../src/collections/index.ts";
import { manualGraph } from "./support/manual-graph.ts";

describe("synced", () => {
  test("a derived collection is synced when its inputs and all that it looked at are", () => {
    const { graph } = manualGraph();
    const routes = graph.source<string>("routes");
    const upstreams = graph.source<string>("upstreams");
    const resolved = graph.derive("resolved", routes, (ref, _k, lookup) => lookup.get(upstreams, ref));
    const final = graph.groupBy("final", resolved, () => ["all"]);
    const flips: boolean[] = [];
    final.subscribe((changes, state) => void (changes.length === 0 && flips.push(state.synced)));
    routes.set("r", "u");
    routes.markSynced();
    expect(routes.synced).toBe(false);
    graph.flush();
    expect([routes.synced, resolved.synced, final.synced]).toEqual([true, false, false]);
    upstreams.markSynced();
    graph.flush();
    expect([resolved.synced, final.synced, flips]).toEqual([true, true, [true]]);
    upstreams.markSynced(false);
    graph.flush();
    expect([final.synced, flips]).toEqual([false, [true, false]]);
    routes.delete("r");
    graph.flush();
    expect(final.synced).toBe(true);
  });

  test("whenSynced resolves after the flush that made all synced, or rejects with the signal's reason", async () => {
    const graph = createGraph();
    const source = graph.source<number>("numbers");
    const doubled = graph.derive("doubled", source, (value) => value * 2);
    const abort = new AbortController();
    const never = graph.whenSynced([doubled, graph.source("other")], { signal: abort.signal });
    source.set("a", 2);
    source.markSynced();
    await graph.whenSynced([doubled]);
    expect(doubled.get("a")).toBe(4);
    abort.abort(new Error("stopped"));
    await expect(never).rejects.toThrow("stopped");
  });

  test("a value is synced once it is set, and functions can look it up", () => {
    const { graph } = manualGraph();
    const settings = graph.value<{ suffix: string }>("settings");
    const names = graph.source<string>("names");
    names.markSynced();
    const full = graph.derive("full", names, (name, _k, lookup) => name + (lookup.value(settings)?.suffix ?? ""));
    names.set("a", "x");
    graph.flush();
    expect([full.get("a"), full.synced]).toEqual(["x", false]);
    settings.set({ suffix: ".local" });
    graph.flush();
    expect([full.get("a"), full.synced, settings.value]).toEqual(["x.local", true, { suffix: ".local" }]);
    settings.set(undefined);
    graph.flush();
    expect([full.get("a"), settings.value]).toEqual(["x", undefined]);
  });
});

describe("flushing", () => {
  test("edits of one tick are one flush, and each subscriber gets one batch", async () => {
    const graph = createGraph();
    const source = graph.source<number>("numbers");
    const batches: ChangeSet<number>[] = [];
    source.subscribe((changes) => batches.push(changes));
    source.set("b", 1);
    source.set("a", 2);
    await Promise.resolve();
    source.set("c", 3);
    await graph.settled();
    expect(batches).toEqual([
      [
        { key: "a", before: undefined, after: 2 },
        { key: "b", before: undefined, after: 1 },
        { key: "c", before: undefined, after: 3 },
      ],
    ]);
    expect(graph.revision).toBe(1);
  });

  test("what a subscriber edits comes with another flush, and settled waits for it", async () => {
    const graph = createGraph();
    const source = graph.source<number>("numbers");
    const states: (number | undefined)[] = [];
    source.subscribe(() => {
      const value = source.get("a") ?? 0;
      states.push(value);
      if (value < 3) {
        source.set("a", value + 1);
        // Within a flush this does nothing.
        graph.flush();
      }
    });
    source.set("a", 1);
    await graph.settled();
    expect(states).toEqual([1, 2, 3]);
  });

  test("a subscription can begin with what is there, and gets nothing once it has ended", () => {
    const { graph } = manualGraph();
    const source = graph.source<number>("numbers");
    source.set("a", 1);
    graph.flush();
    const batches: ChangeSet<number>[] = [];
    const end = source.subscribe((changes) => batches.push(changes), { initial: true });
    end();
    source.set("b", 1);
    graph.flush();
    expect(batches).toEqual([[{ key: "a", before: undefined, after: 1 }]]);
  });

  test("a subscription that another subscriber ends gets nothing any more", () => {
    const { graph } = manualGraph();
    const source = graph.source<number>("numbers");
    const seen: string[] = [];
    const ends: (() => void)[] = [];
    source.subscribe(() => {
      seen.push("first");
      for (const end of ends) end();
    });
    ends.push(source.subscribe(() => void seen.push("second")));
    source.set("a", 1);
    graph.flush();
    expect(seen).toEqual(["first"]);
  });

  test("changes and becoming synced in one flush are one call", () => {
    const { graph } = manualGraph();
    const source = graph.source<number>("numbers");
    const calls: [number, boolean][] = [];
    source.subscribe((changes, { synced }) => void calls.push([changes.length, synced]));
    source.set("a", 1);
    source.markSynced();
    graph.flush();
    expect(calls).toEqual([[1, true]]);
  });

  test("a collection made of ones that are full already is filled by the next flush", () => {
    const { graph } = manualGraph();
    const source = graph.source<number>("numbers");
    source.set("a", 1);
    graph.flush();
    const doubled = graph.derive("doubled", source, (value) => value * 2);
    const index = source.index("parity", (value) => [String(value % 2)]);
    const groups = graph.groupBy("groups", index);
    graph.flush();
    expect([doubled.get("a"), index.get("1"), groups.get("1")?.keys]).toEqual([2, [1], ["a"]]);
  });
});

test("the dump shows sizes, keys, errors, indexes and who looked at what, and no values", () => {
  const { graph } = manualGraph();
  const upstreams = graph.source<string>("upstreams");
  upstreams.index("first letter", (value) => [value.charAt(0)]);
  const routes = graph.source<string>("routes");
  graph.derive("resolved", routes, (ref, key, lookup) => {
    if (key === "bad") throw new Error("broken");
    return lookup.get(upstreams, ref);
  });
  upstreams.set("u", "hunter2");
  routes.apply([
    ["r1", "u"],
    ["r2", "u"],
    ["bad", "u"],
  ]);
  graph.flush();
  expect(graph.dump()).toEqual({
    revision: 1,
    collections: [
      {
        name: "upstreams",
        type: "source",
        size: 1,
        synced: false,
        inputs: [],
        keys: ["u"],
        indexes: [{ name: "first letter", groups: { h: 1 }, errors: {} }],
        lookups: [],
        errors: {},
      },
      {
        name: "routes",
        type: "source",
        size: 3,
        synced: false,
        inputs: [],
        keys: ["bad", "r1", "r2"],
        indexes: [],
        lookups: [],
        errors: {},
      },
      {
        name: "resolved",
        type: "derive",
        size: 2,
        synced: false,
        inputs: ["routes"],
        keys: ["r1", "r2"],
        indexes: [],
        lookups: [{ target: "upstreams", mode: "key", inputs: { u: ["r1", "r2"] } }],
        errors: { bad: "broken" },
      },
    ],
  });
  expect(JSON.stringify(graph.dump())).not.toContain("hunter2");
  expect(graph.dump({ collection: "routes" }).collections.map(({ name }) => name)).toEqual(["routes"]);
});
