import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createQuarantine,
  createXdsCache,
  resourceFromParts,
  typeUrls,
  type XdsResource,
  xdsPart,
} from "../../src/xds/index.ts";
import { resource, resources } from "./support/messages.ts";
import { refusingClient, type RefusingClientOptions } from "./support/refusing-client.ts";
import { KEY, streamRig } from "./support/rigs.ts";

const { cluster: CDS, route: RDS } = typeUrls;
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `n${String(index).padStart(4, "0")}`);
const bound = (faults: number, count: number) => 2 * faults * Math.log2(count) + 2;

/** Refuses contents with the word `bad`, and says no more than that. */
const refuses = (content: string) => (content.includes("bad") ? "no good" : undefined);
/** As Envoy does with clusters and listeners. */
const names = (content: string, name: string) => (content.includes("bad") ? `cluster(s) ${name}: no good` : undefined);

/** A table `r` of a frame and virtual hosts, as bytes `r=[a=1][b=2]`. */
function table(hosts: Record<string, string>, frame = "r="): XdsResource {
  const parts = Object.entries(hosts).map(([host, value]) =>
    xdsPart(Buffer.from(`[${host}=${value}]`), `Host/${host}`),
  );
  return resourceFromParts(RDS, "r", [xdsPart(Buffer.from(frame), "Gateway/g"), ...parts]);
}
const tableText = (hosts: Record<string, string>) =>
  `r=${Object.entries(hosts)
    .map(([host, value]) => `[${host}=${value}]`)
    .join("")}`;

function setUp(upsert: readonly XdsResource[]) {
  const cache = createXdsCache();
  const quarantine = createQuarantine(cache);
  cache.apply(KEY, { upsert, complete: true });
  const client = (options: RefusingClientOptions) => refusingClient(cache, { quarantine, ...options });
  const listed = () =>
    quarantine.list().map(({ name, origin, refusals, spread }) => ({ name, origin, by: refusals.length, spread }));
  return { cache, quarantine, client, listed };
}

const kinds = [
  { mode: "sotw", typeUrl: CDS, partly: false },
  { mode: "delta", typeUrl: CDS, partly: false },
  { mode: "delta", typeUrl: CDS, partly: true },
  { mode: "sotw", typeUrl: RDS, partly: false },
  { mode: "delta", typeUrl: RDS, partly: false },
] as const;

describe.each(kinds)("resources refused by a client, $mode, $typeUrl, partly taken: $partly", (kind) => {
  const wanted = (all: readonly string[]) => (kind.typeUrl === RDS ? { names: all } : {});

  test("the faulty ones keep their last good version, all others come anew, within 2·k·log2(n)+2 responses", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }).chain((count) =>
          fc.record({
            all: fc.constant(numbered(count)),
            faulty: fc.uniqueArray(fc.constantFrom(...numbered(count)), { minLength: 1, maxLength: 6 }),
            fresh: fc.uniqueArray(fc.constantFrom(...numbered(count)), { maxLength: 6 }),
            hints: fc.boolean(),
          }),
        ),
        ({ all, faulty, fresh, hints }) => {
          const old = all.filter((name) => !fresh.includes(name));
          const { cache, client } = setUp(old.map((name) => resource(kind.typeUrl, name, "old")));
          const it = client({ ...kind, ...wanted(all), refuses: hints ? names : refuses });
          const before = it.received.length;
          cache.apply(KEY, {
            upsert: all.map((name) => resource(kind.typeUrl, name, faulty.includes(name) ? "bad" : "new")),
          });
          it.settle();
          const expected = all.flatMap((name) => {
            if (!faulty.includes(name)) return [[name, `${name}=new`]];
            return fresh.includes(name) ? [] : [[name, `${name}=old`]];
          });
          expect(Object.fromEntries(it.has)).toEqual(Object.fromEntries(expected));
          // The first one is the one that was refused.
          expect(it.received.length - before - 1).toBeLessThanOrEqual(bound(faulty.length, all.length));
          // What is fixed leaves quarantine at once, and alone.
          const sent = it.received.length;
          cache.apply(KEY, { upsert: faulty.map((name) => resource(kind.typeUrl, name, "fixed")) });
          it.settle();
          expect(it.received.length - sent).toBe(1);
          for (const name of faulty) expect(it.has.get(name)).toBe(`${name}=fixed`);
          expect(it.rig.stream.describe().types[0]?.quarantined).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("with the faulty one named in the text, one more response is enough", () => {
    const all = numbered(100);
    const { cache, client } = setUp(all.map((name) => resource(kind.typeUrl, name, "old")));
    const it = client({ ...kind, ...wanted(all), refuses: names });
    const before = it.received.length;
    cache.apply(KEY, { upsert: all.map((name) => resource(kind.typeUrl, name, name === "n0042" ? "bad" : "new")) });
    it.settle();
    expect(it.received.length - before).toBe(2);
  });

  test("a client that refuses everything is told less and less, and then nothing until something changes", () => {
    const all = numbered(16);
    const { cache, client } = setUp(all.map((name) => resource(kind.typeUrl, name)));
    const it = client({ ...kind, ...wanted(all), refuses: () => "no" });
    expect(it.received.length - 1).toBeLessThanOrEqual(bound(16, 16));
    expect(it.rig.answers()).toEqual([]);
    const before = it.received.length;
    cache.apply(KEY, { upsert: [resource(kind.typeUrl, "n0003", "2")] });
    it.settle();
    expect(it.received.length - before).toBe(1);
  });
});

describe.each(["sotw", "delta"] as const)("parts of a resource, %s", (mode) => {
  const options = { mode, typeUrl: RDS, names: ["r"], refuses };

  test("of a thousand virtual hosts the faulty ones keep their last good version within 2·k·log2(n)+2 responses", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...numbered(1000)), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (faulty, sameFrame) => {
          const good = Object.fromEntries(numbered(1000).map((name) => [name, "old"]));
          const { cache, client, listed } = setUp([table(good)]);
          const it = client(options);
          const edited = Object.fromEntries(
            numbered(1000).map((name) => [name, faulty.includes(name) ? "bad" : "new"]),
          );
          cache.apply(KEY, { upsert: [table(edited, sameFrame ? "r=" : "r=+")] });
          it.settle();
          const expected = numbered(1000).map((name) => `[${name}=${faulty.includes(name) ? "old" : "new"}]`);
          expect([...it.has.values()]).toEqual([`r=${sameFrame ? "" : "+"}${expected.join("")}`]);
          expect(it.received.length - 2).toBeLessThanOrEqual(bound(faulty.length, 1000));
          expect(new Set(listed().map(({ origin }) => origin))).toEqual(new Set(faulty.map((name) => `Host/${name}`)));
        },
      ),
      { numRuns: 12 },
    );
  });

  test("a quotation in the text finds the virtual host at once", () => {
    const good = Object.fromEntries(numbered(1000).map((name) => [name, "old"]));
    const { cache, client } = setUp([table(good)]);
    const quoting = (content: string) => (content.includes("(bad") ? "invalid regex '(bad': missing )" : undefined);
    const it = client({ ...options, refuses: quoting });
    cache.apply(KEY, { upsert: [table({ ...good, n0001: "new", n0500: "(bad", n0999: "new" })] });
    it.settle();
    expect(it.received).toHaveLength(3);
    expect([...it.has.values()]).toEqual([tableText({ ...good, n0001: "new", n0999: "new" })]);
  });

  test("one faulty virtual host that changed alone costs no response, and later changes of others are served", () => {
    const { cache, client } = setUp([table({ a: "1", b: "1" })]);
    const it = client(options);
    cache.apply(KEY, { upsert: [table({ a: "bad", b: "1" })] });
    it.settle();
    expect(it.received).toHaveLength(2);
    cache.apply(KEY, { upsert: [table({ a: "bad", b: "2" })] });
    it.settle();
    expect(it.has.get("r")).toBe("r=[a=1][b=2]");
    cache.apply(KEY, { upsert: [table({ a: "3", b: "2" })] });
    it.settle();
    expect(it.has.get("r")).toBe("r=[a=3][b=2]");
    expect(it.refused).toBe(1);
  });

  test("a new virtual host that is faulty is left out, the others are served", () => {
    const { cache, client } = setUp([table({ a: "1" })]);
    const it = client(options);
    cache.apply(KEY, { upsert: [table({ a: "1", b: "bad", c: "1" })] });
    it.settle();
    expect(it.has.get("r")).toBe("r=[a=1][c=1]");
  });

  test("a faulty frame leaves the whole last good version in force", () => {
    const { cache, client, listed } = setUp([table({ a: "1", b: "1" })]);
    const it = client(options);
    cache.apply(KEY, { upsert: [table({ a: "2", b: "2" }, "r=bad")] });
    it.settle();
    expect(it.has.get("r")).toBe("r=[a=1][b=1]");
    expect(listed()).toEqual([{ name: "r", origin: "Gateway/g", by: 1, spread: false }]);
  });

  test("in a table that nobody had before, the faulty virtual hosts are left out", () => {
    const { client } = setUp([table({ a: "1", b: "bad", c: "1", d: "bad" })]);
    expect(client(options).has.get("r")).toBe("r=[a=1][c=1]");
  });
});

test.each(["sotw", "delta"] as const)(
  "what was fixed while its refusal was under way leaves no blame on the others, %s",
  (mode) => {
    const cache = createXdsCache();
    cache.apply(KEY, { upsert: resources(RDS, { a: "bad", b: "1" }), complete: true });
    const rig = streamRig(mode, { cache });
    const wanted = { typeUrl: RDS, names: ["a", "b"] };
    rig.ask({ ...wanted, subscribe: wanted.names });
    const refused = rig.answer();
    cache.apply(KEY, { upsert: resources(RDS, { a: "1" }) });
    rig.nack(refused, wanted);
    const given: Record<string, string> = {};
    for (let answer = rig.answer(); answer !== undefined; answer = rig.answer()) {
      Object.assign(given, answer.resources);
      rig.ack(answer, wanted);
    }
    expect(given).toEqual({ a: "a=1", b: "b=1" });
  },
);

describe.each(["sotw", "delta"] as const)("several proxies of one role, %s", (mode) => {
  const old = { mode, refuses, node: { id: "old" } };
  const content = { mode, refuses: () => undefined, node: { id: "content" } };

  test("what one refuses others are still given", () => {
    const { cache, client, listed } = setUp(resources(CDS, { a: "1", b: "1" }));
    const [one, other] = [client(old), client(content)];
    cache.apply(KEY, { upsert: resources(CDS, { a: "bad", b: "2" }) });
    one.settle();
    other.settle();
    expect(Object.fromEntries(one.has)).toEqual({ a: "a=1", b: "b=2" });
    expect(Object.fromEntries(other.has)).toEqual({ a: "a=bad", b: "b=2" });
    expect(Object.fromEntries(client({ ...content, node: { id: "late" } }).has)).toEqual({ a: "a=bad", b: "b=2" });
    expect(listed()).toEqual([{ name: "a", origin: undefined, by: 1, spread: false }]);
  });

  test("what a second one refuses, too, is kept from those that haven't got it yet, and left to those that have", () => {
    const { cache, client, listed } = setUp(resources(CDS, { a: "1", b: "1" }));
    const early = client(content);
    const refusing = [client(old), client({ ...old, node: { id: "second" } })];
    cache.apply(KEY, { upsert: resources(CDS, { a: "bad", b: "2" }) });
    early.settle();
    for (const it of refusing) it.settle();
    expect(listed()).toEqual([{ name: "a", origin: undefined, by: 2, spread: true }]);
    const late = client({ ...content, node: { id: "late" } });
    expect(Object.fromEntries(late.has)).toEqual({ a: "a=1", b: "b=2" });
    early.settle();
    expect(Object.fromEntries(early.has)).toEqual({ a: "a=bad", b: "b=2" });
    cache.apply(KEY, { upsert: resources(CDS, { a: "fixed" }) });
    for (const it of [...refusing, late, early]) {
      it.settle();
      expect(it.has.get("a")).toBe("a=fixed");
    }
    expect(listed()).toEqual([]);
  });

  test("a proxy that says the same thing twice, on two streams, is still one proxy", () => {
    const { cache, client, listed } = setUp(resources(CDS, { a: "1" }));
    const both = [client(old), client(old)];
    cache.apply(KEY, { upsert: resources(CDS, { a: "bad" }) });
    for (const it of both) it.settle();
    expect(listed()).toEqual([{ name: "a", origin: undefined, by: 1, spread: false }]);
  });

  test("a port in use is each proxy's own matter, however many say so, and a new stream tries again", () => {
    const { client, listed } = setUp(resources(CDS, { a: "1" }));
    const busy = () => "cannot bind '0.0.0.0:80': Address already in use";
    for (const id of ["one", "two", "three"]) client({ mode, refuses: busy, node: { id } });
    expect(listed()).toEqual([{ name: "a", origin: undefined, by: 3, spread: false }]);
    expect(Object.fromEntries(client(content).has)).toEqual({ a: "a=1" });
    expect(Object.fromEntries(client({ ...content, node: { id: "two" } }).has)).toEqual({ a: "a=1" });
    expect(listed()).toEqual([{ name: "a", origin: undefined, by: 2, spread: false }]);
  });

  test("refusals told by another replica count, without being refused here again", () => {
    const there = setUp(resources(CDS, { a: "1" }));
    const refusing = [there.client(old), there.client({ ...old, node: { id: "second" } })];
    const here = setUp(resources(CDS, { a: "1" }));
    const mine = here.client({ ...content, node: { id: "mine" } });
    there.cache.apply(KEY, { upsert: resources(CDS, { a: "bad" }) });
    for (const it of refusing) it.settle();
    here.quarantine.note(JSON.parse(JSON.stringify(there.quarantine.refusals())));
    here.cache.apply(KEY, { upsert: resources(CDS, { a: "bad" }) });
    mine.settle();
    expect(mine.has.get("a")).toBe("a=1");
    expect(here.listed()).toEqual([{ name: "a", origin: undefined, by: 2, spread: true }]);
  });
});

describe.each(["sotw", "delta"] as const)(
  "proxies of one role, older ones of which have a key of their own, %s",
  (mode) => {
    const OLD = `${KEY} old`;
    const roles = {
      roleOf: (key: string) => (key === OLD ? KEY : key),
      keysOf: (role: string) => (role === KEY ? [KEY, OLD] : [role]),
      prepare() {},
    };
    const accepts = () => undefined;

    function setUpBoth(newer: readonly XdsResource[], older = newer) {
      const cache = createXdsCache();
      const quarantine = createQuarantine(cache, { roles });
      const edit = (change: readonly XdsResource[], forOlder = change) => {
        cache.apply(KEY, { upsert: change, complete: true });
        cache.apply(OLD, { upsert: forOlder, complete: true });
      };
      edit(newer, older);
      const client = (id: string, key: string, judge: (content: string) => string | undefined = refuses) =>
        refusingClient(cache, { mode, quarantine, key, node: { id }, refuses: judge });
      const listed = () =>
        quarantine.list().map(({ key, name, servedAs, refusals, spread }) => ({
          ...{ key, name, servedAs, spread },
          by: refusals.map(({ node }) => node).toSorted(),
        }));
      return { quarantine, edit, client, listed };
    }
    const one = (value: string) => resources(CDS, { a: value, b: value });

    test("the same content, refused by an old one and a new one, is refused by two: it is kept from both kinds", () => {
      const { edit, client, listed } = setUpBoth(one("1"));
      const [newer, older] = [client("new-1", KEY), client("old-1", OLD)];
      const [newHas, oldHas] = [client("new-2", KEY, accepts), client("old-2", OLD, accepts)];
      edit(resources(CDS, { a: "bad", b: "2" }));
      newHas.settle();
      for (const it of [newer, older]) it.settle();
      expect(listed()).toEqual([{ key: KEY, name: "a", servedAs: [KEY, OLD], spread: true, by: ["new-1", "old-1"] }]);
      oldHas.settle();
      for (const it of [client("new-3", KEY, accepts), client("old-3", OLD, accepts), oldHas, newer, older]) {
        expect(Object.fromEntries(it.has)).toEqual({ a: "a=1", b: "b=2" });
      }
      expect(newHas.has.get("a")).toBe("a=bad");
      edit(resources(CDS, { a: "mended" }));
      for (const it of [newer, older, newHas, oldHas]) {
        it.settle();
        expect(it.has.get("a")).toBe("a=mended");
      }
      expect(listed()).toEqual([]);
    });

    test("one of each kind that refuses contents that differ is one each, and nobody else is kept from them", () => {
      const { edit, client, listed } = setUpBoth(one("1"));
      const refusing = [client("new-1", KEY), client("old-1", OLD)];
      edit(resources(CDS, { a: "bad" }), resources(CDS, { a: "bad, without what is newer" }));
      for (const it of refusing) it.settle();
      expect(listed()).toEqual([
        { key: KEY, name: "a", servedAs: [KEY], spread: false, by: ["new-1"] },
        { key: KEY, name: "a", servedAs: [OLD], spread: false, by: ["old-1"] },
      ]);
      expect(client("new-2", KEY, accepts).has.get("a")).toBe("a=bad");
      client("old-2", OLD).settle();
      expect(listed().map(({ spread }) => spread)).toEqual([false, true]);
      expect(client("old-3", OLD, accepts).has.get("a")).toBe("a=1");
      // The newer ones' content is no longer refused when it is mended; the older ones' still is.
      edit(resources(CDS, { a: "mended" }), resources(CDS, { a: "bad, without what is newer" }));
      expect(listed().map(({ servedAs }) => servedAs)).toEqual([[OLD]]);
    });

    test("the same content has one canary, a new one; contents that differ have one each", () => {
      const { quarantine, edit, client } = setUpBoth(one("1"));
      quarantine.setCanaryTimeout(60_000);
      const [newer, older, another] = [client("b", KEY), client("a", OLD), client("c", OLD)];
      edit(one("2"));
      for (const it of [older, another]) it.settle();
      expect([older, another].map((it) => it.has.get("a"))).toEqual(["a=1", "a=1"]);
      for (const it of [newer, older, another]) it.settle();
      expect([newer, older, another].map((it) => it.has.get("a"))).toEqual(["a=2", "a=2", "a=2"]);
      edit(one("3"), one("3 for older"));
      for (const it of [newer, another, older]) it.settle();
      expect([newer, older, another].map((it) => it.has.get("a"))).toEqual(["a=3", "a=3 for older", "a=2"]);
      another.settle();
      expect(another.has.get("a")).toBe("a=3 for older");
      quarantine.setCanaryTimeout(undefined);
    });
  },
);

test("of proxies that refuse something and go, the last four thousand are remembered, and whoever is connected", () => {
  const { cache, quarantine } = setUp([resource(CDS, "a", "bad")]);
  const digest = cache.get(KEY, CDS, "a")?.version ?? "";
  const come = (node: string): (() => void) => {
    const witness = { key: KEY, typeUrl: CDS, node, nodeVersion: "1", covers: () => true };
    const leave = quarantine.attach({ ...witness, hasAccepted: () => false, wake() {} });
    quarantine.note([{ ...witness, name: "a", digest, message: "no", at: 0 }]);
    return leave;
  };
  come("stays");
  for (const name of numbered(6_000)) come(name)();
  const nodes = quarantine.list()[0]?.refusals.map(({ node }) => node) ?? [];
  expect(nodes.length).toBeLessThan(4_500);
  expect(nodes).toEqual([...nodes.slice(0, -1), "stays"]);
  expect(nodes.slice(0, 3_999)).toEqual(numbered(6_000).toReversed().slice(0, 3_999));
});

test("a proxy that refuses everything is looked after in its own turns only, and only while that is served", () => {
  const names = numbered(100);
  const all = (content: string) => names.map((name) => resource(CDS, name, content));
  const { cache, quarantine } = setUp(all("bad"));
  const witness = (node: string) => ({
    ...{ key: KEY, typeUrl: CDS, node, nodeVersion: "1", covers: () => true },
    ...{ hasAccepted: () => false, wake() {} },
  });
  const [refusing, second, other] = [witness("refusing"), witness("second"), witness("other")];
  const refuse = (by: typeof other, name: string) => {
    const digest = cache.get(KEY, CDS, name)?.version ?? "";
    quarantine.note([{ ...by, name, digest, message: "no", at: 0 }]);
  };
  for (const name of names) refuse(refusing, name);
  expect(quarantine.names(refusing)).toEqual(names);
  expect(quarantine.names(other)).toEqual([]);
  refuse(second, "n0005");
  expect([second, other].map((it) => quarantine.names(it))).toEqual([["n0005"], ["n0005"]]);
  cache.apply(KEY, { upsert: all("mended") });
  expect([refusing, second, other].map((it) => quarantine.names(it))).toEqual([[], [], []]);
  cache.apply(KEY, { upsert: [resource(CDS, "n0005", "bad"), resource(CDS, "n0006", "bad")] });
  expect([refusing, second, other].map((it) => quarantine.names(it).toSorted())).toEqual([
    ["n0005", "n0006"],
    ["n0005"],
    ["n0005"],
  ]);
  const accepted = cache.get(KEY, CDS, "n0005");
  quarantine.accepted(second, accepted === undefined ? [] : [accepted]);
  expect([refusing, second, other].map((it) => quarantine.names(it).toSorted())).toEqual([["n0005", "n0006"], [], []]);
});
