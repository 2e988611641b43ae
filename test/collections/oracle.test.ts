import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Collection, createGraph, type Index, type Lookup, type Source } from "../../src/collections/index.ts";

// Random graphs under random edits are compared, after each flush, with a plain evaluation of the same specification that
// knows nothing of the engine: maps, loops, no state.

interface Item {
  readonly n: number;
  readonly ref: string;
  readonly tags: readonly string[];
}

type Step =
  | { readonly type: "derive"; readonly input: number; readonly other: number; readonly look: Look }
  | { readonly type: "many"; readonly input: number }
  | { readonly type: "join"; readonly input: number; readonly other: number }
  | { readonly type: "group"; readonly input: number; readonly byIndex: boolean };
type Look = "none" | "get" | "index" | "list" | "size" | "chain";

interface Reader {
  get(key: string): Item | undefined;
  tagged(tag: string): readonly Item[];
  list(): readonly Item[];
  size(): number;
}

const sum = (items: readonly Item[]): number => items.reduce((total, item, i) => total + item.n * (i + 1), 0);

function deriveItem(value: Item, look: Look, other: Reader): Item | undefined {
  let n = value.n;
  if (look === "get") n += other.get(value.ref)?.n ?? 5;
  if (look === "index") n += sum(value.tags.flatMap((tag) => other.tagged(tag)));
  if (look === "list") n += sum(other.list());
  if (look === "size") n += other.size();
  if (look === "chain") n += sum(other.tagged(other.get(value.ref)?.ref ?? "x"));
  if (n % 7 === 3) throw new Error(`bad ${n}`);
  return n % 5 === 4 ? undefined : { ...value, n: n % 10 };
}

const spread = (value: Item, key: string): [string, Item][] =>
  [...new Set(value.tags)].map((tag) => [tag, { n: value.n, ref: key, tags: [value.ref] }]);

const joinItems = (a: Item | undefined, b: Item | undefined): Item | undefined =>
  (a?.n ?? 0) > 7
    ? undefined
    : { n: ((a?.n ?? 0) + 2 * (b?.n ?? 0)) % 10, ref: (a ?? b)?.ref ?? "", tags: b?.tags ?? [] };

const groupItem = (keys: readonly string[], values: readonly Item[]): Item => ({
  n: sum(values) % 10,
  ref: keys[0] ?? "",
  tags: keys,
});

const sorted = <V>(map: ReadonlyMap<string, V>): [string, V][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

/** The specification, evaluated from scratch. */
function evaluate(sources: readonly ReadonlyMap<string, Item>[], steps: readonly Step[]): ReadonlyMap<string, Item>[] {
  const all = [...sources];
  for (const step of steps) {
    const input = all[step.input % all.length] as ReadonlyMap<string, Item>;
    const other = "other" in step ? (all[step.other % all.length] as ReadonlyMap<string, Item>) : new Map();
    const reader: Reader = {
      get: (key) => other.get(key),
      tagged: (tag) => sorted<Item>(other).flatMap(([, item]) => (item.tags.includes(tag) ? [item] : [])),
      list: () => sorted<Item>(other).map(([, item]) => item),
      size: () => other.size,
    };
    const output = new Map<string, Item>();
    const put = (key: string, item: Item | undefined): void => void (item !== undefined && output.set(key, item));
    if (step.type === "derive") {
      for (const [key, value] of input) {
        try {
          put(key, deriveItem(value, step.look, reader));
        } catch {
          // Nothing is kept for a key that fails, so that the result does not depend on history.
        }
      }
    } else if (step.type === "many") {
      for (const [key, value] of sorted(input)) {
        for (const [outKey, item] of spread(value, key)) if (!output.has(outKey)) output.set(outKey, item);
      }
    } else if (step.type === "join") {
      for (const key of new Set([...input.keys(), ...other.keys()]))
        put(key, joinItems(input.get(key), other.get(key)));
    } else {
      for (const tag of new Set([...input.values()].flatMap((item) => item.tags))) {
        const members = sorted(input).filter(([, item]) => item.tags.includes(tag));
        output.set(
          tag,
          groupItem(
            members.map(([key]) => key),
            members.map(([, item]) => item),
          ),
        );
      }
    }
    all.push(output);
  }
  return all;
}

interface Indexed {
  readonly collection: Collection<Item>;
  readonly byTag: Index<Item>;
}

/** The same step, made with the engine. */
function build(graph: ReturnType<typeof createGraph>, all: Indexed[], step: Step): void {
  const name = `c${all.length}`;
  const input = all[step.input % all.length] as Indexed;
  const options = { keepLastGood: false };
  let collection: Collection<Item>;
  if (step.type === "derive") {
    const other = all[step.other % all.length] as Indexed;
    const reader = (lookup: Lookup): Reader => ({
      get: (key) => lookup.get(other.collection, key),
      tagged: (tag) => lookup.index(other.byTag, tag),
      list: () => lookup.list(other.collection),
      size: () => lookup.size(other.collection),
    });
    collection = graph.derive(name, input.collection, (v, _k, l) => deriveItem(v, step.look, reader(l)), options);
  } else if (step.type === "many") {
    collection = graph.deriveMany(name, input.collection, spread);
  } else if (step.type === "join") {
    const other = all[step.other % all.length] as Indexed;
    collection = graph.join(name, { a: input.collection, b: other.collection }, ({ a, b }) => joinItems(a, b));
  } else {
    const groups = step.byIndex
      ? graph.groupBy(`${name}-groups`, input.byTag)
      : graph.groupBy(`${name}-groups`, input.collection, (item) => item.tags);
    collection = graph.derive(name, groups, ({ keys, values }) => groupItem(keys, values));
  }
  all.push({ collection, byTag: collection.index("tag", (item) => item.tags) });
}

/** What the graph says that a batch would change, by collection, before it is applied. */
function suppose(
  graph: ReturnType<typeof createGraph>,
  sources: readonly Source<Item>[],
  contents: readonly ReadonlyMap<string, Item>[],
  all: readonly Indexed[],
  batch: readonly (
    | { readonly source: number; readonly key: string; readonly value: Item | undefined }
    | { readonly source: number; readonly all: Record<string, Item> }
  )[],
): Map<string, Item | undefined>[] {
  const edits = batch.flatMap((edit) => {
    const source = sources[edit.source] as Source<Item>;
    if ("key" in edit) return [{ source, key: edit.key, value: edit.value }];
    const known = [...(contents[edit.source] as ReadonlyMap<string, Item>).keys()];
    const gone = [...known, "a", "b", "c", "d", "e", "f"].map((key) => ({ source, key, value: undefined }));
    return [...gone, ...Object.entries(edit.all).map(([key, value]) => ({ source, key, value }))];
  });
  const collections = all.map(({ collection }) => collection);
  const revision = graph.revision;
  const outcome = graph.whatIf(edits, collections);
  const changes = collections.map(
    (collection) => new Map(outcome.changes(collection).map(({ key, after }) => [key, after])),
  );
  expect(graph.revision - revision).toBeLessThanOrEqual(1);
  return changes;
}

const keys = fc.constantFrom("a", "b", "c", "d", "e", "f");
const items = fc.record({ n: fc.nat(9), ref: keys, tags: fc.array(keys, { maxLength: 3 }) });
const position = fc.nat(11);
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    type: fc.constant("derive" as const),
    input: position,
    other: position,
    look: fc.constantFrom<Look>("none", "get", "index", "list", "size", "chain"),
  }),
  fc.record({ type: fc.constant("many" as const), input: position }),
  fc.record({ type: fc.constant("join" as const), input: position, other: position }),
  fc.record({ type: fc.constant("group" as const), input: position, byIndex: fc.boolean() }),
);
const edits = fc.oneof(
  { weight: 5, arbitrary: fc.record({ source: fc.nat(2), key: keys, value: fc.option(items, { nil: undefined }) }) },
  { weight: 1, arbitrary: fc.record({ source: fc.nat(2), all: fc.dictionary(keys, items) }) },
);

test("after any edits of any graph, the incremental result is that of a computation from scratch", () => {
  fc.assert(
    fc.property(
      fc.array(steps, { minLength: 1, maxLength: 8 }),
      fc.nat(8),
      fc.array(fc.array(edits, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 }),
      (specification, early, batches) => {
        const graph = createGraph({ schedule: () => {} });
        const sources = [0, 1, 2].map((i) => graph.source<Item>(`c${i}`));
        const contents = sources.map(() => new Map<string, Item>());
        const all: Indexed[] = sources.map((source) => ({
          collection: source,
          byTag: source.index("tag", (item) => item.tags),
        }));
        const mirrors: Map<string, Item>[] = [];
        const follow = ({ collection }: Indexed): void => {
          const mirror = new Map<string, Item>();
          mirrors.push(mirror);
          collection.subscribe((changes) => {
            for (const { key, before, after } of changes) {
              expect(mirror.get(key)).toEqual(before);
              if (after === undefined) mirror.delete(key);
              else mirror.set(key, after);
            }
          });
        };
        for (const step of specification.slice(0, early)) build(graph, all, step);
        all.forEach(follow);
        for (const [round, batch] of batches.entries()) {
          const supposed = suppose(graph, sources, contents, all, batch);
          const actual = all.map(({ collection }) => {
            const changed = new Set<string>();
            const stop = collection.subscribe((changes) => changes.forEach(({ key }) => changed.add(key)));
            return { changed, stop };
          });
          for (const edit of batch) {
            const source = sources[edit.source] as Source<Item>;
            const content = contents[edit.source] as Map<string, Item>;
            if ("all" in edit) {
              content.clear();
              for (const [key, value] of Object.entries(edit.all)) content.set(key, value);
              source.replaceAll(Object.entries(edit.all));
            } else if (edit.value === undefined) {
              content.delete(edit.key);
              source.delete(edit.key);
            } else {
              content.set(edit.key, edit.value);
              source.set(edit.key, edit.value);
            }
          }
          // The rest of the graph is added while it is in use.
          if (round === 1) {
            for (const step of specification.slice(early)) {
              build(graph, all, step);
              follow(all.at(-1) as Indexed);
            }
          }
          graph.flush();
          for (const [i, { changed, stop }] of actual.entries()) {
            stop();
            const outcome = supposed[i] as Map<string, Item | undefined>;
            expect([...outcome.keys()].sort()).toEqual([...changed].sort());
            for (const [key, after] of outcome) expect(all[i]?.collection.get(key)).toEqual(after);
          }
          const expected = evaluate(contents, specification);
          for (const [i, { collection, byTag }] of all.entries()) {
            const oracle = sorted(expected[i] as ReadonlyMap<string, Item>);
            expect(collection.keys()).toEqual(oracle.map(([key]) => key));
            expect(collection.list()).toEqual(oracle.map(([, item]) => item));
            expect(new Map(mirrors[i])).toEqual(new Map(oracle));
            const tags = new Set(oracle.flatMap(([, item]) => item.tags));
            expect(byTag.indexKeys()).toEqual([...tags].sort());
            for (const tag of tags) {
              expect(byTag.keys(tag)).toEqual(oracle.flatMap(([key, item]) => (item.tags.includes(tag) ? [key] : [])));
            }
          }
        }
      },
    ),
    { numRuns: 400 },
  );
});
