import { describe, expect, test } from "vitest";
import { type CollectionError, createGraph, type Source } from "../../src/collections/index.ts";
import { isAlreadyExists, isInvalid } from "../../src/errors/index.ts";
import { manualGraph } from "./support/manual-graph.ts";

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

  test("anything may be thrown, even what has no text, and harms no other key", () => {
    const { graph, errors } = manualGraph();
    const source = graph.source<number>("numbers");
    const picky = graph.derive("picky", source, (value) => {
      if (value === 0) throw Object.create(null);
      return value;
    });
    source.apply([
      ["a", 0],
      ["b", 1],
    ]);
    graph.flush();
    expect([picky.get("a"), picky.get("b")]).toEqual([undefined, 1]);
    expect(errors.map(({ error }) => error.message)).toEqual(["something without a text was thrown"]);
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

  test("what an index can't place is among the errors and in the dump until it is good, or gone", () => {
    const { graph, errors } = manualGraph();
    const source = graph.source<string>("texts");
    const index = source.index("word", (text) => {
      if (!text.startsWith("=")) throw new Error("no words");
      return text.slice(1).split(" ");
    });
    const failing = () => graph.errors().map(({ collection, key }) => `${collection} ${key}`);
    const dumped = () => Object.keys(graph.dump({ collection: "texts" }).collections[0]?.indexes[0]?.errors ?? {});
    source.apply([
      ["a", "one"],
      ["b", "two"],
      ["c", "=x"],
    ]);
    graph.flush();
    expect(failing()).toEqual(["texts.word a", "texts.word b"]);
    expect(dumped()).toEqual(["a", "b"]);
    const supposed = graph.whatIf([{ source, key: "c", value: "three" }], [source]);
    expect(supposed.errors.map(({ collection, key }) => `${collection} ${key}`)).toEqual(["texts.word c"]);
    expect(failing()).toHaveLength(2);
    // The same fault again is no news.
    source.set("a", "four");
    graph.flush();
    expect(errors).toHaveLength(2);
    source.set("a", "=x y");
    source.delete("b");
    graph.flush();
    expect(index.keys("x")).toEqual(["a", "c"]);
    expect(failing()).toEqual([]);
    expect(dumped()).toEqual([]);
  });

  test("what an index makes of items that are there already is reported without any further edit", async () => {
    const errors: CollectionError[] = [];
    const graph = createGraph({ onError: (error) => void errors.push(error) });
    const source = graph.source<string>("texts");
    source.set("a", "{");
    await graph.settled();
    source.index("parsed", (text) => [String(JSON.parse(text))]);
    await graph.settled();
    expect(errors.map(({ collection, key }) => [collection, key])).toEqual([["texts.parsed", "a"]]);
  });

  test("edits that throw while they are listed change nothing", () => {
    const { graph } = manualGraph();
    const source = graph.source<number>("numbers");
    const broken = function* (): Generator<[string, number]> {
      yield ["a", 1];
      throw new Error("no more");
    };
    expect(() => source.apply(broken())).toThrow("no more");
    source.set("b", 2);
    graph.flush();
    expect(source.keys()).toEqual(["b"]);
  });

  test("a subscriber that throws at what is there already isn't subscribed", () => {
    const { graph, errors } = manualGraph();
    const source = graph.source<number>("numbers");
    const refuse = (): void => {
      throw new Error("not now");
    };
    expect(() => source.subscribe(refuse, { initial: true })).toThrow("not now");
    source.set("a", 1);
    graph.flush();
    expect(errors).toEqual([]);
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
