import fc from "fast-check";
import { expect, test } from "vitest";
import { UpstreamKind } from "../../generated/sdk/index.ts";
import type { KvEntry } from "../../src/consul/index.ts";
import { type RawEntry, readKvListing } from "../../src/consul/kv-listing.ts";
import { refKey } from "../../src/resources/index.ts";
import { keyLayout } from "../../src/storage/consul/key-layout.ts";
import { createKindState, type KindState } from "../../src/storage/consul/kind-state.ts";

const rawEntry = fc.record(
  {
    LockIndex: fc.nat(),
    Key: fc.string({ unit: "grapheme" }),
    Flags: fc.nat(),
    Value: fc.option(fc.string().map((text) => Buffer.from(text).toString("base64"))),
    Session: fc.string(),
    CreateIndex: fc.nat(),
    ModifyIndex: fc.maxSafeNat(),
  },
  { requiredKeys: ["LockIndex", "Key", "Flags", "Value", "CreateIndex", "ModifyIndex"] },
);

const plain = (entries: readonly KvEntry[]) => entries.map((entry) => ({ ...entry, text: entry.text() }));

test("a listing of Consul is read as JSON says, however it is written: compact, indented, or with fields that nobody knows", () => {
  const more = fc.option(fc.jsonValue(), { nil: undefined });
  const property = fc.property(fc.array(fc.tuple(rawEntry, more)), fc.constantFrom(0, 2), (items, indent) => {
    const raw = items.map(([item, extra]) => (extra === undefined ? item : { Partition: extra, ...item }));
    const body = Buffer.from(`${JSON.stringify(raw, undefined, indent)}${indent > 0 ? "\n" : ""}`);
    const expected = items.map(([item]) => ({
      key: item.Key,
      createIndex: item.CreateIndex,
      modifyIndex: item.ModifyIndex,
      session: item.Session || undefined,
      text: Buffer.from(item.Value ?? "", "base64").toString(),
    }));
    expect(plain(readKvListing(body).entries())).toEqual(expected);
    expect(readKvListing(body).isEmpty).toBe(items.length === 0);
  });
  fc.assert(property);
});

test("an answer that breaks off is no listing", () => {
  const body = JSON.stringify([{ LockIndex: 0, Key: "a", Flags: 0, Value: "YQ==", CreateIndex: 1, ModifyIndex: 2 }]);
  for (let end = 1; end < body.length; end++) {
    expect(() => readKvListing(Buffer.from(body.slice(0, end))).entries(), body.slice(0, end)).toThrow(SyntaxError);
  }
});

test("two listings, compact or indented, tell which entries were written in between and which keys are gone", () => {
  /** Few and nasty names: some are alike to the ends of entries. */
  const names = ["a", "b", '},{"L', "},{", '"},{"LockIndex":0', "\\", "é", "z"];
  const write = fc.record({
    key: fc.constantFrom(...names),
    to: fc.constantFrom("", "x", "x".repeat(100), undefined),
    session: fc.constantFrom("", "s"),
  });
  const property = fc.property(
    fc.array(write, { size: "medium" }),
    fc.array(write),
    fc.constantFrom(0, 4),
    (earlier, later, indent) => {
      const store = new Map<string, RawEntry & { readonly LockIndex: number; readonly Flags: number }>();
      let index = 0;
      const listing = (writes: typeof earlier) => {
        for (const { key, to, session } of writes) {
          const CreateIndex = store.get(key)?.CreateIndex ?? ++index;
          const Value = to === undefined ? null : Buffer.from(to).toString("base64");
          if (to === undefined && store.has(key)) store.delete(key);
          else {
            const holder = session === "" ? {} : { Session: session };
            store.set(key, { LockIndex: 0, Key: key, Flags: 0, Value, ...holder, CreateIndex, ModifyIndex: ++index });
          }
        }
        const entries = [...store.values()].sort((a, b) => Buffer.compare(Buffer.from(a.Key), Buffer.from(b.Key)));
        return readKvListing(Buffer.from(`${JSON.stringify(entries, undefined, indent)}\n`));
      };
      const before = listing(earlier);
      const at = index;
      const after = listing(later);
      const { written, deleted } = after.changesSince(before);
      const entries = after.entries();
      expect(plain(written)).toEqual(plain(entries.filter(({ modifyIndex }) => modifyIndex > at)));
      const keys = new Set(entries.map(({ key }) => key));
      const old = before.entries().map(({ key }) => key);
      expect(deleted).toEqual(old.filter((key) => !keys.has(key)));
    },
  );
  fc.assert(property, { numRuns: 1_000 });
});

const layout = keyLayout("gloo", UpstreamKind);
/** The second holds the same resource as the third, the last two hold none. */
const keys = ["ns/", "ns", "ns/a", "ns/b", "ns/c", "ns/a/b"].map((key) => layout.prefix + key).sort();
const texts = [
  "metadata: {namespace: ns, name: a}\nstatic: {hosts: [{addr: one, port: 1}]}",
  "metadata: {namespace: ns, name: a}\nstatic: {hosts: [{addr: two, port: 2}]}",
  "static: {hosts: [{addr: three, port: 3}]}",
  "static: [",
  "",
];
/** One answer: by key the text, absent where undefined. */
const answers = fc.array(
  fc.array(fc.option(fc.constantFrom(...texts), { nil: undefined, freq: 6 }), {
    minLength: keys.length,
    maxLength: keys.length,
  }),
  { minLength: 1, maxLength: 12 },
);

const seen = (state: KindState<any>) => ({
  entries: Object.fromEntries(state.entries.map(({ ref, resource, version }) => [refKey(ref), { resource, version }])),
  problems: state.problems.map(({ error }) => error.message),
});

test("what is known of a kind after many answers is what the last one says, and each answer tells just the difference", () => {
  const property = fc.property(answers, (sequence) => {
    const state = createKindState(UpstreamKind, layout);
    const told = new Map<string, string>();
    let index = 0;
    let isFirst = true;
    let before = new Map<string, KvEntry>();
    for (const present of sequence) {
      const entries: KvEntry[] = [];
      for (const [at, key] of keys.entries()) {
        const text = present[at];
        if (text === undefined) continue;
        const known = before.get(key);
        const createIndex = known?.createIndex ?? ++index;
        const modifyIndex = known?.text() === text ? known.modifyIndex : ++index;
        entries.push({ key, createIndex, modifyIndex, session: undefined, text: () => text });
      }
      const written = entries.filter(({ key, modifyIndex }) => before.get(key)?.modifyIndex !== modifyIndex);
      const deleted = [...before.keys()].filter((key) => !entries.some((entry) => entry.key === key));
      const { changed, removed } = isFirst ? state.apply(entries, false) : state.applyChanges({ written, deleted });
      isFirst = false;
      before = new Map(entries.map((entry) => [entry.key, entry]));
      for (const { ref, version } of changed) {
        expect(told.get(refKey(ref))).not.toBe(version);
        told.set(refKey(ref), version);
      }
      for (const ref of removed) told.delete(refKey(ref));
      const fresh = createKindState(UpstreamKind, layout);
      fresh.apply(entries, false);
      expect(seen(state)).toEqual(seen(fresh));
      for (const { ref, version } of state.entries) expect(told.get(refKey(ref))).toBe(version);
    }
  });
  fc.assert(property);
});
