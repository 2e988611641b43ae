import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Collection, createGraph, type Lookup, type Source } from "../../src/collections/index.ts";

const manual = () => createGraph({ schedule: () => {} });

/** Lists of words by key, each looked up and put in brackets; what was made is noted. */
function rig() {
  const graph = manual();
  const lists = graph.source<readonly string[]>("lists");
  const words = graph.source<string>("words");
  const made: string[] = [];
  const texts = graph.derive("texts", lists, (list, _key, lookup) =>
    list
      .map((word) =>
        lookup.part(word, [], () => {
          made.push(word);
          const text = lookup.get(words, word);
          if (text === "bad") throw new Error(`${word} is bad`);
          return `[${text}]`;
        }),
      )
      .join(""),
  );
  const edit = (source: Source<any>, key: string, value: unknown): readonly string[] => {
    made.length = 0;
    if (value === undefined) source.delete(key);
    else source.set(key, value);
    graph.flush();
    return made.toSorted();
  };
  return { graph, lists, words, texts, made, edit };
}

describe("a part of an output", () => {
  it("is made again only when what it looked at itself changes", () => {
    const { lists, words, texts, edit } = rig();
    edit(words, "a", "1");
    expect(edit(lists, "x", ["a", "b"])).toEqual(["a", "b"]);
    expect(edit(words, "b", "2")).toEqual(["b"]);
    expect(texts.get("x")).toBe("[1][2]");
    expect(edit(lists, "x", ["b", "a", "c"])).toEqual(["c"]);
    expect(texts.get("x")).toBe("[2][1][undefined]");
  });

  it("belongs to one input: another one makes its own", () => {
    const { lists, words, edit } = rig();
    edit(lists, "x", ["a"]);
    expect(edit(lists, "y", ["a"])).toEqual(["a"]);
    expect(edit(words, "a", "1")).toEqual(["a", "a"]);
  });

  it("is forgotten when it isn't asked for any more, or its input goes: nothing is run for it", () => {
    const { graph, lists, words, texts, edit } = rig();
    edit(lists, "x", ["a", "b"]);
    edit(lists, "x", ["b"]);
    expect(edit(words, "a", "1")).toEqual([]);
    edit(lists, "x", undefined);
    expect(edit(words, "b", "1")).toEqual([]);
    expect(graph.dump({ collection: "texts" }).collections[0]?.lookups[0]?.inputs).toEqual({});
    expect(edit(lists, "x", ["a"])).toEqual(["a"]);
    expect(texts.get("x")).toBe("[1]");
  });

  it("that can't be made is made once what it looked at has changed", () => {
    const { graph, lists, words, texts, edit } = rig();
    edit(words, "a", "bad");
    edit(lists, "x", ["a", "b"]);
    expect(graph.errors().map(({ error }) => error.message)).toEqual(["a is bad"]);
    edit(words, "a", "1");
    expect(texts.get("x")).toBe("[1][undefined]");
    edit(words, "a", "bad");
    expect(texts.get("x")).toBe("[1][undefined]");
    expect(edit(words, "a", "2")).toEqual(["a"]);
    expect(texts.get("x")).toBe("[2][undefined]");
    expect(graph.errors()).toEqual([]);
  });

  it("is made again after a failure that the function went on from", () => {
    const graph = manual();
    const source = graph.source<number>("source");
    const divisors = graph.source<number>("divisors");
    const shares = graph.derive("shares", source, (value, key, lookup) =>
      lookup.part("outer", [value], () => {
        try {
          return lookup.part("inner", [], () => {
            const divisor = lookup.get(divisors, key);
            if (divisor === 0) throw new Error("zero");
            return value / (divisor ?? 1);
          });
        } catch {
          return "none";
        }
      }),
    );
    divisors.set("x", 0);
    source.set("x", 6);
    graph.flush();
    expect(shares.get("x")).toBe("none");
    divisors.set("x", 2);
    graph.flush();
    expect(shares.get("x")).toBe(3);
  });

  it("is made again after a failure within a failure that the function went on from", () => {
    const graph = manual();
    const source = graph.source<number>("source");
    const divisors = graph.source<number>("divisors");
    const shares = graph.derive("shares", source, (value, key, lookup) =>
      lookup.part("outer", [value], () => {
        try {
          return lookup.part("middle", [], () => {
            const divisor = lookup.part("inner", [], () => lookup.get(divisors, key) ?? 1);
            if (divisor === 0) throw new Error("zero");
            return value / divisor;
          });
        } catch {
          return "none";
        }
      }),
    );
    divisors.set("x", 0);
    source.set("x", 6);
    graph.flush();
    divisors.set("x", 2);
    graph.flush();
    expect(shares.get("x")).toBe(3);
  });

  it("is the same object as before, or gets what it was", () => {
    const graph = manual();
    const source = graph.source<readonly number[]>("source");
    const seen: unknown[] = [];
    const sums = graph.derive("sums", source, ([first, ...rest], _key, lookup) => ({
      first,
      rest: lookup.part("rest", [rest], (previous: readonly number[] | undefined) => {
        seen.push(previous);
        return rest.map((it) => -it);
      }),
    }));
    const put = (value: readonly number[]) => {
      source.set("x", value);
      graph.flush();
      return sums.get("x")?.rest;
    };
    const before = put([1, 2]);
    expect(put([3, 2])).toBe(before);
    expect(put([3, 4])).toEqual([-4]);
    expect(seen).toEqual([undefined, before]);
  });

  it("has a key that no other has, and is of no use once its function has returned", () => {
    const graph = manual();
    const source = graph.source<string>("source");
    let kept: Lookup | undefined;
    graph.derive("twice", source, (_value, _key, lookup) => {
      kept = lookup;
      return [lookup.part("a", [], () => 1), lookup.part("a", [], () => 2)];
    });
    source.set("x", "");
    graph.flush();
    expect(graph.errors().map(({ error }) => error.message)).toEqual([
      "a function of collection 'twice' makes the part 'a' twice",
    ]);
    expect(() => kept?.part("b", [], () => 1)).toThrow("is used after its function has returned");
  });
});

type Tree = { readonly key: string; readonly look: string; readonly within: readonly Tree[] };
const keys = ["a", "b", "c", "d"];
const treeOf = (within: fc.Arbitrary<readonly Tree[]>): fc.Arbitrary<Tree> =>
  fc.record({ key: fc.constantFrom(...keys), look: fc.constantFrom(...keys), within });
const level = (below: fc.Arbitrary<Tree>): fc.Arbitrary<Tree> =>
  treeOf(fc.uniqueArray(below, { maxLength: 3, selector: ({ key }) => key }));
const tree = level(level(treeOf(fc.constant([]))));
/** Sums up what a tree leads to; `parts` false: all anew each time. */
function sumOf(node: Tree, numbers: Collection<number>, lookup: Lookup, parts: boolean): number {
  const sum = (): number => {
    const own = lookup.get(numbers, node.look) ?? 100;
    if (own === 13) throw new Error("unlucky");
    return own + node.within.reduce((total, it) => total * 3 + sumOf(it, numbers, lookup, parts), 0);
  };
  return parts ? lookup.part(node.key, [node], sum) : sum();
}

it("with parts, or parts in parts, an output is what it is without; supposed edits included", () => {
  const edit = fc.oneof(
    fc.tuple(fc.constant("trees"), fc.constantFrom("x", "y"), fc.option(tree, { nil: undefined })),
    fc.tuple(
      fc.constant("numbers"),
      fc.constantFrom(...keys),
      fc.option(fc.constantFrom(1, 2, 3, 13), { nil: undefined }),
    ),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(edit, edit), { minLength: 1, maxLength: 12 }), (steps) => {
      const graph = manual();
      const sources = { trees: graph.source<Tree>("trees"), numbers: graph.source<number>("numbers") };
      const [kept, plain] = [true, false].map((parts) =>
        graph.derive(`parts ${parts}`, sources.trees, (value, _key, lookup) =>
          sumOf(value, sources.numbers, lookup, parts),
        ),
      ) as [Collection<number>, Collection<number>];
      const state = (it: Collection<number>) => [
        it.keys().map((key) => [key, it.get(key)]),
        Object.fromEntries([...it.errors].map(([key, { message }]) => [key, message])),
      ];
      for (const [real, supposed] of steps) {
        const [name, key, value] = supposed as ["trees", string, Tree];
        const outcome = graph.whatIf([{ source: sources[name], key, value }], [kept, plain]);
        expect(outcome.changes(kept)).toEqual(outcome.changes(plain));
        const [target, at, after] = real as ["trees", string, Tree];
        if (after === undefined) sources[target].delete(at);
        else sources[target].set(at, after);
        graph.flush();
        expect(state(kept)).toEqual(state(plain));
      }
    }),
    { numRuns: 300 },
  );
});
