import { describe, expect, test } from "vitest";
import type { Source } from "../../src/collections/index.ts";
import { counter, manualGraph } from "./support/manual-graph.ts";

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
    const supposed = graph.whatIf([{ source, key: "a", value: 3 }], [source]).changes(source);
    expect(supposed).toEqual([{ key: "a", before: 2, after: 3 }]);
    expect(source.get("a")).toBe(2);
  });
});

test("an equals of several outputs that throws is reported until it can compare", () => {
  const { graph } = manualGraph();
  const source = graph.source<number>("numbers");
  const options = {
    equals: (a: number, b: number) => {
      if (b === 2) throw new Error("cannot compare");
      return a === b;
    },
  };
  const doubled = graph.deriveMany("doubled", source, (value, key) => [[`${key}${key}`, value]], options);
  for (const [value, problems] of [
    [1, 0],
    [2, 1],
    [3, 0],
  ] as const) {
    source.set("a", value);
    graph.flush();
    expect(doubled.get("aa")).toBe(value);
    expect(graph.errors()).toHaveLength(problems);
  }
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
    owners.set("b", ["x.com"]);
    graph.flush();
    expect(errors).toHaveLength(1);
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
