import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createXdsCache,
  fieldPart,
  resourceFromBytes,
  resourceFromParts,
  typeUrls,
  xdsPart,
} from "../../src/xds/index.ts";
import { createTypeLog, setVersion } from "../../src/xds/cache/type-log.ts";
import { resource, resources } from "./support/messages.ts";

const { cluster: CDS, endpoint: EDS, route: RDS } = typeUrls;
const KEY = "gloo-system~gateway-proxy";

const joined = (parts: readonly { bytes: Uint8Array }[]) =>
  Buffer.concat(parts.map(({ bytes }) => bytes)).toString("hex");

describe("resources", () => {
  test("the version is a hash of name and content, the same in every process", () => {
    const bytes = Buffer.from("content");
    expect(resourceFromBytes(CDS, "a", bytes).version).toBe("dfeaeb8ac2abb5c9283c53e0ec6d5b3f");
    expect(resourceFromBytes(CDS, "a", bytes).version).toBe(
      resourceFromBytes(CDS, "a", Buffer.from("content")).version,
    );
    expect(resourceFromBytes(CDS, "b", bytes).version).not.toBe(resourceFromBytes(CDS, "a", bytes).version);
    expect(resourceFromBytes(CDS, "a", Buffer.from("Content")).version).not.toBe(
      resourceFromBytes(CDS, "a", bytes).version,
    );
  });

  test("where a resource came from is no part of its version", () => {
    const bytes = Buffer.from("content");
    expect(resourceFromBytes(CDS, "a", bytes, { origin: "here" }).version).toBe(
      resourceFromBytes(CDS, "a", bytes, { origin: "there" }).version,
    );
  });

  test("a part is an encoded field: tag, length, message", () => {
    const vhost = fieldPart(2, Buffer.from("0a0161", "hex"), "VirtualService gloo-system.default");
    expect(Buffer.from(vhost.bytes).toString("hex")).toBe("12030a0161");
    expect(vhost.origin).toBe("VirtualService gloo-system.default");
  });

  test("parts keep their order and bytes, and a changed or moved part is another version", () => {
    const [header, one, two] = [
      xdsPart(Buffer.from("0a0172", "hex")),
      fieldPart(2, Buffer.of(1)),
      fieldPart(2, Buffer.of(2)),
    ];
    const route = resourceFromParts(RDS, "r", [header, one, two]);
    expect(joined(route.parts)).toBe("0a0172120101120102");
    expect(route.version).not.toBe(resourceFromParts(RDS, "r", [header, two, one]).version);
    expect(route.version).not.toBe(resourceFromParts(RDS, "r", [header, one]).version);
    expect(route.version).toBe(resourceFromParts(RDS, "r", [header, fieldPart(2, Buffer.of(1)), two]).version);
  });
});

describe("versions of a set", () => {
  test("don't depend on the order of changes, only on what is there", () => {
    const change = fc.record({ name: fc.constantFrom("a", "b", "c"), value: fc.constantFrom("1", "2", undefined) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const log = createTypeLog(CDS);
        for (const { name, value } of changes) {
          if (value === undefined) log.delete(name);
          else log.set(resource(CDS, name, value));
        }
        expect(log.version()).toBe(setVersion(log.resources()));
        expect(log.size).toBe([...log.resources()].length);
      }),
      { numRuns: 200 },
    );
  });

  test("equal resources under two names don't cancel each other", () => {
    const cache = createXdsCache();
    cache.apply(KEY, { complete: [CDS] });
    const empty = cache.version(KEY, CDS);
    const same = (name: string) => resourceFromBytes(CDS, name, Buffer.from("same"));
    cache.apply(KEY, { upsert: [same("a"), same("b")] });
    expect(cache.version(KEY, CDS)).not.toBe(empty);
    cache.apply(KEY, {
      remove: [
        { typeUrl: CDS, name: "a" },
        { typeUrl: CDS, name: "b" },
      ],
    });
    expect(cache.version(KEY, CDS)).toBe(empty);
  });
});

describe("the change log", () => {
  test("tells each name once, in order of its last change", () => {
    const log = createTypeLog(CDS);
    for (const name of ["a", "b", "a", "c"]) log.set(resource(CDS, name, `${log.head}`));
    expect(log.since(2).map(({ name }) => name)).toEqual(["b", "a", "c"]);
    expect(log.since(4).map(({ name }) => name)).toEqual(["c"]);
    expect(log.since(log.head)).toEqual([]);
  });

  test("a resource that has this version already is no change", () => {
    const log = createTypeLog(CDS);
    expect(log.set(resource(CDS, "a", "1"))).toBe(true);
    expect(log.set(resource(CDS, "a", "1"))).toBe(false);
    expect(log.delete("missing")).toBe(false);
    expect(log.head).toBe(2);
  });

  test("removals are kept for whoever hasn't read them, and forgotten after", () => {
    const log = createTypeLog(CDS);
    const reader = { cursor: 0, changed() {} };
    log.readers.add(reader);
    log.set(resource(CDS, "kept"));
    reader.cursor = log.head;
    for (let i = 0; i < 1000; i++) {
      log.set(resource(CDS, `n${i}`));
      log.delete(`n${i}`);
    }
    expect(log.since(reader.cursor)).toHaveLength(1000);
    const before = log.head;
    reader.cursor = before;
    for (let i = 0; i < 3000; i++) {
      log.set(resource(CDS, `m${i}`));
      log.delete(`m${i}`);
      reader.cursor = log.head;
    }
    // What remains is bounded by what is there, not by what has been.
    expect(log.since(1).length).toBeLessThan(300);
    expect(log.get("kept")?.name).toBe("kept");
  });
});

describe("the cache", () => {
  test("applies a change as one: a reader woken by it sees all of it", () => {
    const cache = createXdsCache();
    const seen: string[][] = [];
    const subscription = cache.subscribe(KEY, CDS, () => {
      queueMicrotask(() => seen.push([...subscription.log.resources()].map(({ name }) => name)));
    });
    subscription.setWildcard(true);
    cache.apply(KEY, { upsert: resources(CDS, { a: "1", b: "1" }), complete: true });
    return Promise.resolve().then(() => expect(seen[0]).toEqual(["a", "b"]));
  });

  test("an upsert wins over a removal of the same name in one change", () => {
    const cache = createXdsCache();
    cache.apply(KEY, { upsert: resources(CDS, { a: "1" }) });
    cache.apply(KEY, { upsert: resources(CDS, { a: "2" }), remove: [{ typeUrl: CDS, name: "a" }] });
    expect(cache.get(KEY, CDS, "a")?.version).toBe(resource(CDS, "a", "2").version);
  });

  test("names and types that only look alike are kept apart", () => {
    const cache = createXdsCache();
    cache.apply(KEY, { upsert: [...resources(CDS, { a: "1", "a b": "1" }), resource(EDS, "a")] });
    cache.apply(KEY, { upsert: resources(CDS, { "a b": "2" }), remove: [{ typeUrl: CDS, name: "a" }] });
    expect(cache.get(KEY, CDS, "a")).toBeUndefined();
    expect(cache.get(KEY, CDS, "a b")?.name).toBe("a b");
    expect(cache.get(KEY, EDS, "a")?.name).toBe("a");
    expect(cache.get(`${KEY}-2`, EDS, "a")).toBeUndefined();
  });

  test("only who wants a name is woken by it", () => {
    const cache = createXdsCache();
    const woken: string[] = [];
    cache.subscribe(KEY, EDS, () => woken.push("a")).add("a");
    cache.subscribe(KEY, EDS, () => woken.push("b")).add("b");
    cache.subscribe(KEY, EDS, () => woken.push("*")).setWildcard(true);
    cache.subscribe("another~key", EDS, () => woken.push("another")).setWildcard(true);
    cache.apply(KEY, { upsert: resources(EDS, { b: "1" }) });
    expect(woken.sort()).toEqual(["*", "b"]);
    cache.apply(KEY, { upsert: resources(EDS, { b: "1" }) });
    expect(woken).toHaveLength(2);
  });

  test("is ready for a key, or for some of its types, when told that these are complete", () => {
    const cache = createXdsCache();
    expect(cache.ready(KEY)).toBe(false);
    cache.apply(KEY, { upsert: resources(CDS, { a: "1" }), complete: [CDS] });
    expect([cache.ready(KEY), cache.ready(KEY, CDS), cache.ready(KEY, EDS)]).toEqual([false, true, false]);
    cache.apply(KEY, { complete: true });
    expect([cache.ready(KEY), cache.ready(KEY, EDS)]).toEqual([true, true]);
    cache.delete(KEY);
    expect([cache.ready(KEY), cache.ready(KEY, CDS), cache.keys()]).toEqual([false, false, []]);
  });

  test("a key that only clients know is forgotten with the last of them", () => {
    const cache = createXdsCache();
    const subscription = cache.subscribe("made~up", CDS, () => {});
    expect(cache.dump("made~up")).toHaveLength(1);
    expect(cache.keys()).toEqual([]);
    subscription.close();
    expect(cache.dump("made~up")).toEqual([]);
  });

  test("dumps names and versions, but no content", () => {
    const cache = createXdsCache();
    cache.apply(KEY, { upsert: resources(CDS, { a: "secret" }), complete: true });
    expect(cache.dump(KEY)).toEqual([
      {
        typeUrl: CDS,
        complete: true,
        version: cache.version(KEY, CDS),
        resources: { a: resource(CDS, "a", "secret").version },
      },
    ]);
    expect(JSON.stringify(cache.dump(KEY))).not.toContain("secret");
  });
});

test("a type or key that a client made up is gone when its last subscription is, and one that is served stays", () => {
  const cache = createXdsCache();
  cache.apply(KEY, { upsert: resources(CDS, { a: "1" }), complete: true });
  const subscriptions = [
    cache.subscribe(KEY, CDS, () => {}),
    cache.subscribe(KEY, "type.googleapis.com/made.Up", () => {}),
    cache.subscribe("made~up", CDS, () => {}),
  ];
  expect(cache.dump(KEY)).toHaveLength(2);
  expect(cache.dump("made~up")).toHaveLength(1);
  for (const subscription of subscriptions) subscription.close();
  expect(cache.dump(KEY).map(({ typeUrl }) => typeUrl)).toEqual([CDS]);
  expect(cache.dump("made~up")).toEqual([]);
  expect(cache.ready(KEY, "type.googleapis.com/made.Up")).toBe(true);
});
