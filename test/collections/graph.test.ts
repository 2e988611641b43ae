import { describe, expect, test } from "vitest";
import { isAlreadyExists, isInvalid } from "../../src/errors/index.ts";
import { type ChangeSet, type CollectionError, createGraph, type Source } from "../../src/collections/index.ts";

/** A graph whose flushes are the test's. */
function manualGraph() {
  const errors: CollectionError[] = [];
  const graph = createGraph({ schedule: () => {}, onError: (error) => void errors.push(error) });
  return { graph, errors };
}

/** Counts the runs of a function per key and starts over when read. */
function counter() {
  let runs: string[] = [];
  return {
    hit: (key: string) => void runs.push(key),
    take: () => {
      const taken = runs.sort();
      runs = [];
      return taken;
    },
  };
}

const fill = (source: Source<number>, count: number): void => {
  for (let i = 0; i < count; i++) source.set(`k${i}`, i);
};

describe("sources", () => {
  test("an edit shows after the flush, and the last one of a key counts", () => {
    const { graph } = manualGraph();
    const source = graph.source<number>("numbers");
    source.set("a", 1);
    source.set("a", 2);
    expect(source.get("a")).toBeUndefined();
    graph.flush();
    expect(source.get("a")).toBe(2);
  });

  test("replaceAll deletes what is no longer there and discards earlier staged edits", () => {
    const { graph } = manualGraph();
    const source = graph.source<number>("numbers");
    source.apply([
      ["a", 1],
      ["b", 2],
    ]);
    graph.flush();
    source.set("c", 3);
    source.replaceAll([["b", 5]]);
    graph.flush();
    expect([source.keys(), source.list()]).toEqual([["b"], [5]]);
  });

  test("lists are sorted by key, whatever the order of edits, and stay the same array until something changes", () => {
    const { graph } = manualGraph();
    const source = graph.source<number>("numbers");
    for (const key of ["c", "a", "b"]) source.set(key, key.charCodeAt(0));
    graph.flush();
    const before = source.list();
    expect(before).toEqual([97, 98, 99]);
    expect(source.list()).toBe(before);
    source.set("aa", 0);
    source.delete("c");
    graph.flush();
    expect(source.keys()).toEqual(["a", "aa", "b"]);
    expect(before).toEqual([97, 98, 99]);
  });

  test("a value that the source's equals calls equal is no change, and the known one stays", () => {
    const { graph } = manualGraph();
    const source = graph.source<{ spec: number; status: string }>("things", { equals: (a, b) => a.spec === b.spec });
    const first = { spec: 1, status: "" };
    source.set("a", first);
    graph.flush();
    const seen: unknown[] = [];
    source.subscribe((changes) => seen.push(changes));
    source.set("a", { spec: 1, status: "Accepted" });
    graph.flush();
    expect(seen).toEqual([]);
    expect(source.get("a")).toBe(first);
  });

  test("an equals that throws counts as a difference and is reported", () => {
    const { graph, errors } = manualGraph();
    const source = graph.source<number>("numbers", {
      equals: () => {
        throw new Error("cannot compare");
      },
    });
    source.set("a", 1);
    graph.flush();
    source.set("a", 2);
    graph.flush();
    expect(source.get("a")).toBe(2);
    expect(errors.map((e) => [e.collection, e.key, e.error.message])).toEqual([["numbers", "a", "cannot compare"]]);
  });
});

describe("what runs", () => {
  test("a change runs the function for its own key only", () => {
    const { graph } = manualGraph();
    const runs = counter();
    const source = graph.source<number>("numbers");
    fill(source, 1000);
    graph.derive("doubled", source, (value, key) => {
      runs.hit(key);
      return value * 2;
    });
    graph.flush();
    expect(runs.take()).toHaveLength(1000);
    source.set("k7", -1);
    graph.flush();
    expect(runs.take()).toEqual(["k7"]);
  });

  test("a change in a looked-up collection runs exactly the inputs that looked at that key, also if it was absent", () => {
    const { graph } = manualGraph();
    const runs = counter();
    const upstreams = graph.source<string>("upstreams");
    const routes = graph.source<string>("routes");
    const resolved = graph.derive("resolved", routes, (destination, key, lookup) => {
      runs.hit(key);
      return lookup.get(upstreams, destination) ?? "missing";
    });
    routes.apply([
      ["r1", "petstore"],
      ["r2", "petstore"],
      ["r3", "billing"],
    ]);
    graph.flush();
    expect([runs.take(), resolved.list()]).toEqual([
      ["r1", "r2", "r3"],
      ["missing", "missing", "missing"],
    ]);
    upstreams.set("petstore", "10.0.0.1");
    graph.flush();
    expect([runs.take(), resolved.list()]).toEqual([
      ["r1", "r2"],
      ["10.0.0.1", "10.0.0.1", "missing"],
    ]);
    upstreams.set("unused", "10.0.0.9");
    graph.flush();
    expect(runs.take()).toEqual([]);
    upstreams.delete("petstore");
    graph.flush();
    expect([runs.take(), resolved.get("r1")]).toEqual([["r1", "r2"], "missing"]);
  });

  test("what an input no longer looks at does not run it any more", () => {
    const { graph } = manualGraph();
    const runs = counter();
    const upstreams = graph.source<string>("upstreams");
    const routes = graph.source<string>("routes");
    graph.derive("resolved", routes, (destination, key, lookup) => {
      runs.hit(key);
      return lookup.get(upstreams, destination);
    });
    routes.set("r1", "old");
    graph.flush();
    routes.set("r1", "new");
    graph.flush();
    runs.take();
    upstreams.set("old", "x");
    graph.flush();
    expect(runs.take()).toEqual([]);
    routes.delete("r1");
    graph.flush();
    upstreams.set("new", "x");
    graph.flush();
    expect(runs.take()).toEqual([]);
  });

  test("an index look-up runs the inputs of the groups that an item left, entered or changed in", () => {
    const { graph } = manualGraph();
    const runs = counter();
    const tables = graph.source<{ labels: string[]; routes: number }>("route tables");
    const byLabel = tables.index("label", (table) => table.labels);
    const services = graph.source<string>("virtual services");
    const totals = graph.derive("totals", services, (label, key, lookup) => {
      runs.hit(key);
      return lookup.index(byLabel, label).reduce((sum, table) => sum + table.routes, 0);
    });
    services.apply([
      ["vs1", "red"],
      ["vs2", "blue"],
      ["vs3", "green"],
    ]);
    tables.apply([
      ["t1", { labels: ["red"], routes: 1 }],
      ["t2", { labels: ["red", "blue"], routes: 10 }],
    ]);
    graph.flush();
    expect([runs.take(), totals.list()]).toEqual([
      ["vs1", "vs2", "vs3"],
      [11, 10, 0],
    ]);
    tables.set("t1", { labels: ["green"], routes: 1 });
    graph.flush();
    expect([runs.take(), totals.list()]).toEqual([
      ["vs1", "vs3"],
      [10, 10, 1],
    ]);
    tables.set("t2", { labels: ["red", "blue"], routes: 20 });
    graph.flush();
    expect([runs.take(), totals.list()]).toEqual([
      ["vs1", "vs2"],
      [20, 20, 1],
    ]);
  });

  test("looking up the size runs the input when something comes or goes, not when something changes", () => {
    const { graph } = manualGraph();
    const runs = counter();
    const services = graph.source<string>("virtual services");
    const exists = graph.computeValue("default gateway", (lookup) => {
      runs.hit("value");
      return lookup.size(services) > 0;
    });
    graph.flush();
    expect([runs.take(), exists.value]).toEqual([["value"], false]);
    services.set("a", "1");
    graph.flush();
    expect([runs.take(), exists.value]).toEqual([["value"], true]);
    services.set("a", "2");
    graph.flush();
    expect(runs.take()).toEqual([]);
  });

  test("an equal output stops the wave", () => {
    const { graph } = manualGraph();
    const runs = counter();
    const source = graph.source<number>("numbers");
    const parity = graph.derive("parity", source, (value) => ({ odd: value % 2 === 1 }));
    graph.derive("texts", parity, ({ odd }, key) => {
      runs.hit(key);
      return odd ? "odd" : "even";
    });
    source.set("a", 1);
    graph.flush();
    runs.take();
    source.set("a", 3);
    graph.flush();
    expect(runs.take()).toEqual([]);
    source.set("a", 4);
    graph.flush();
    expect(runs.take()).toEqual(["a"]);
  });

  test("a diamond is computed once per change, and nobody sees one side newer than the other", () => {
    const { graph } = manualGraph();
    const seen: string[] = [];
    const source = graph.source<number>("root");
    const left = graph.derive("left", source, (value) => value + 1);
    const right = graph.derive("right", source, (value) => value + 1);
    const middle = graph.derive("middle", right, (value) => value);
    const bottom = graph.derive("bottom", left, (value, key, lookup) => {
      seen.push(`${value}=${lookup.get(middle, key)}`);
      return value;
    });
    const subscribers: string[] = [];
    left.subscribe(() => subscribers.push(`${left.get("a")}=${middle.get("a")}=${bottom.get("a")}`));
    for (const value of [1, 2, 3]) {
      source.set("a", value);
      graph.flush();
    }
    expect(seen).toEqual(["2=2", "3=3", "4=4"]);
    expect(subscribers).toEqual(["2=2=2", "3=3=3", "4=4=4"]);
  });

  test("a single edit among ten thousand items with a look-up each costs well under a millisecond", () => {
    const { graph } = manualGraph();
    const upstreams = graph.source<number>("upstreams");
    const routes = graph.source<number>("routes");
    const resolved = graph.derive(
      "resolved",
      routes,
      (value, key, lookup) => value + (lookup.get(upstreams, key) ?? 0),
    );
    const groups = graph.groupBy("groups", resolved, (value) => [value % 2 === 0 ? "even" : "odd"]);
    fill(upstreams, 10_000);
    fill(routes, 10_000);
    graph.flush();
    const rounds = 200;
    const started = performance.now();
    for (let i = 0; i < rounds; i++) {
      upstreams.set(`k${i}`, -i - 1);
      graph.flush();
    }
    const each = (performance.now() - started) / rounds;
    expect(groups.get("odd")?.values).toContain(-1);
    // A full recomputation takes tens of milliseconds; the bound leaves room for a busy machine.
    expect(each).toBeLessThan(2);
  });
});

describe("several outputs and groups", () => {
  test("where two inputs claim a key, the first by key has it until it lets go, and the conflict is reported", () => {
    const { graph, errors } = manualGraph();
    const owners = graph.source<string[]>("owners");
    const domains = graph.deriveMany("domains", owners, (names, key) => names.map((name) => [name, key] as const));
    owners.set("b", ["x.com", "y.com"]);
    graph.flush();
    owners.set("a", ["x.com"]);
    graph.flush();
    expect([domains.get("x.com"), domains.get("y.com")]).toEqual(["a", "b"]);
    expect(errors.map(({ key, error }) => [key, error.message])).toEqual([
      ["output x.com", "'x.com' in collection 'domains' is claimed by a, b: 'a' has it"],
    ]);
    owners.set("a", []);
    graph.flush();
    expect(domains.get("x.com")).toBe("b");
    expect(graph.errors()).toEqual([]);
    owners.delete("b");
    graph.flush();
    expect(domains.size).toBe(0);
  });

  test("an input that makes a key twice fails and keeps its last good outputs", () => {
    const { graph } = manualGraph();
    const owners = graph.source<string[]>("owners");
    const domains = graph.deriveMany("domains", owners, (names, key) => names.map((name) => [name, key] as const));
    owners.set("a", ["x.com"]);
    graph.flush();
    owners.set("a", ["y.com", "y.com"]);
    graph.flush();
    expect(domains.keys()).toEqual(["x.com"]);
    expect(domains.errors.get("a")?.message).toBe("'a' makes 'y.com' twice in collection 'domains'");
  });

  test("groups hold their members sorted, change with them, and vanish with the last", () => {
    const { graph } = manualGraph();
    const hosts = graph.source<{ listener: string; domain: string }>("virtual hosts");
    const listeners = graph.groupBy("by listener", hosts, (host) => [host.listener]);
    const tables = graph.derive("tables", listeners, ({ values }) => values.map((host) => host.domain).join());
    hosts.apply([
      ["v2", { listener: "http", domain: "two" }],
      ["v1", { listener: "http", domain: "one" }],
      ["v3", { listener: "https", domain: "three" }],
    ]);
    graph.flush();
    expect([tables.keys(), tables.list()]).toEqual([
      ["http", "https"],
      ["one,two", "three"],
    ]);
    hosts.set("v3", { listener: "http", domain: "three" });
    graph.flush();
    expect([tables.keys(), tables.list()]).toEqual([["http"], ["one,two,three"]]);
  });

  test("a join has an output for each key that one of its inputs has", () => {
    const { graph } = manualGraph();
    const stored = graph.source<string>("stored");
    const discovered = graph.source<string>("discovered");
    const all = graph.join("upstreams", { stored, discovered }, (from) => from.stored ?? from.discovered);
    stored.set("a", "stored");
    discovered.apply([
      ["a", "discovered"],
      ["b", "discovered"],
    ]);
    graph.flush();
    expect([all.keys(), all.list()]).toEqual([
      ["a", "b"],
      ["stored", "discovered"],
    ]);
    stored.delete("a");
    discovered.delete("b");
    graph.flush();
    expect([all.keys(), all.list()]).toEqual([["a"], ["discovered"]]);
  });
});

describe("errors", () => {
  test("a function that throws keeps its last good value, is reported once, and recovers", () => {
    const { graph, errors } = manualGraph();
    const source = graph.source<number>("numbers");
    const inverse = graph.derive("inverse", source, (value) => {
      if (value === 0) throw new Error("division by zero");
      return 1 / value;
    });
    source.apply([
      ["a", 2],
      ["b", 4],
    ]);
    graph.flush();
    source.apply([
      ["a", 0],
      ["b", 1],
    ]);
    graph.flush();
    expect(inverse.list()).toEqual([0.5, 1]);
    expect(errors.map(({ collection, key, error }) => [collection, key, error.message])).toEqual([
      ["inverse", "a", "division by zero"],
    ]);
    expect(graph.errors()).toHaveLength(1);
    source.set("a", 5);
    graph.flush();
    expect(inverse.get("a")).toBe(0.2);
    expect(graph.errors()).toEqual([]);
    expect(errors).toHaveLength(1);
  });

  test("with keepLastGood off, a key that fails has no value", () => {
    const { graph } = manualGraph();
    const source = graph.source<string>("texts");
    const parsed = graph.derive("parsed", source, (text): unknown => JSON.parse(text), { keepLastGood: false });
    source.set("a", "1");
    graph.flush();
    source.set("a", "{");
    graph.flush();
    expect(parsed.has("a")).toBe(false);
    source.delete("a");
    graph.flush();
    expect(graph.errors()).toEqual([]);
  });

  test("look-ups made before a function threw are tracked, so that their repair runs it again", () => {
    const { graph } = manualGraph();
    const secrets = graph.source<string>("secrets");
    const hosts = graph.source<string>("hosts");
    const tls = graph.derive("tls", hosts, (ref, _key, lookup) => {
      const secret = lookup.get(secrets, ref);
      if (secret === undefined) throw new Error(`secret ${ref} not found`);
      return secret;
    });
    hosts.set("h", "s");
    graph.flush();
    expect(tls.size).toBe(0);
    secrets.set("s", "pem");
    graph.flush();
    expect(tls.get("h")).toBe("pem");
  });

  test("a function gets its previous output, from which it can keep the last good part", () => {
    const { graph } = manualGraph();
    const source = graph.source<string>("texts");
    const kept = graph.derive<string, { good: string; error: string }>(
      "kept",
      source,
      (text, _key, _lookup, previous) =>
        text.startsWith("!") ? { good: previous?.good ?? "", error: text } : { good: text, error: "" },
    );
    for (const text of ["one", "!two"]) {
      source.set("a", text);
      graph.flush();
    }
    expect(kept.get("a")).toEqual({ good: "one", error: "!two" });
  });

  test("an index function that throws leaves its item out of all groups and is reported", () => {
    const { graph, errors } = manualGraph();
    const source = graph.source<string[] | null>("lists");
    const index = source.index("word", (words) => (words as string[]).map((word) => word));
    source.apply([
      ["a", ["x"]],
      ["b", null],
    ]);
    graph.flush();
    expect(index.get("x")).toEqual([["x"]]);
    expect(errors.map(({ collection, key }) => [collection, key])).toEqual([["lists.word", "b"]]);
  });

  test("a subscriber that throws is reported and keeps no other from being called", () => {
    const { graph, errors } = manualGraph();
    const source = graph.source<number>("numbers");
    const seen: number[] = [];
    source.subscribe(() => {
      throw new Error("mine");
    });
    source.subscribe((changes) => seen.push(changes.length));
    source.set("a", 1);
    graph.flush();
    expect(seen).toEqual([1]);
    expect(errors.map(({ key, error }) => [key, error.message])).toEqual([[undefined, "mine"]]);
  });

  test("without an error handler, a subscriber's exception leaves the flush, after all others were called", () => {
    const graph = createGraph({ schedule: () => {} });
    const source = graph.source<number>("numbers");
    const seen: number[] = [];
    source.subscribe(() => {
      throw new Error("mine");
    });
    source.subscribe((changes) => seen.push(changes.length));
    source.set("a", 1);
    expect(() => graph.flush()).toThrow(AggregateError);
    source.set("b", 1);
    expect(() => graph.flush()).toThrow(AggregateError);
    expect(seen).toEqual([1, 1]);
  });

  test.each<[string, RegExp, (name: string) => void]>([
    [
      "reads a collection directly",
      /reads 'other' directly: use its lookup argument/,
      () => {
        const { graph } = manualGraph();
        const other = graph.source<number>("other");
        runIn(graph, () => other.get("x"));
      },
    ],
    [
      "edits a source",
      /edits 'other': functions of a graph must be pure/,
      () => {
        const { graph } = manualGraph();
        const other = graph.source<number>("other");
        runIn(graph, () => other.set("x", 1));
      },
    ],
    [
      "makes a collection",
      /makes 'late'/,
      () => {
        const { graph } = manualGraph();
        runIn(graph, () => graph.source("late"));
      },
    ],
    [
      "looks up a collection that was made later",
      /looks up 'later', which was made after it/,
      () => {
        const { graph } = manualGraph();
        const later: Source<number>[] = [];
        const source = graph.source<number>("in");
        const out = graph.derive("out", source, (_v, _k, lookup) => lookup.get(later[0] as Source<number>, "x"));
        later.push(graph.source<number>("later"));
        source.set("a", 1);
        graph.flush();
        throw out.errors.get("a");
      },
    ],
    [
      "looks up a collection of another graph",
      /not of the same graph/,
      () => {
        const { graph } = manualGraph();
        const other = manualGraph().graph.source<number>("foreign");
        const source = graph.source<number>("in");
        const out = graph.derive("out", source, (_v, _k, lookup) => lookup.get(other, "x"));
        source.set("a", 1);
        graph.flush();
        throw out.errors.get("a");
      },
    ],
  ])("a function that %s is told so", (_title, message, run) => {
    expect(run).toThrow(message);
  });

  test("a name can be used once in a graph, and an index name once in a collection", () => {
    const { graph } = manualGraph();
    const source = graph.source<string>("same");
    source.index("i", () => []);
    for (const again of [() => graph.source("same"), () => source.index("i", () => [])]) {
      let thrown: unknown;
      try {
        again();
      } catch (error) {
        thrown = error;
      }
      expect(isAlreadyExists(thrown)).toBe(true);
    }
  });

  test("an input of another graph is refused", () => {
    const { graph } = manualGraph();
    const foreign = manualGraph().graph.source<number>("foreign");
    let thrown: unknown;
    try {
      graph.derive("out", foreign, (value) => value);
    } catch (error) {
      thrown = error;
    }
    expect(isInvalid(thrown)).toBe(true);
  });
});

/** Runs something inside a function of the graph and throws what that threw. */
function runIn(graph: ReturnType<typeof createGraph>, action: () => unknown): void {
  const source = graph.source<number>("in");
  const out = graph.derive("out", source, () => {
    action();
    return 1;
  });
  source.set("a", 1);
  graph.flush();
  const error = out.errors.get("a");
  if (error !== undefined) throw error;
}

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
        graph.flush();
        expect(source.get("a")).toBe(value);
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
        indexes: [{ name: "first letter", groups: { h: 1 } }],
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
