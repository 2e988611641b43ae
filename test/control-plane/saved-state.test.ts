import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openJournal } from "../../src/control-plane/saved-state/journal.ts";
import { savedListener, savedVirtualHost } from "../../src/control-plane/saved-state/last-good.ts";
import { savedCache } from "../../src/control-plane/saved-state/saved-cache.ts";
import { sectionedMap } from "../../src/control-plane/saved-state/sectioned-map.ts";
import { openSavedState, type SavedForm, type SavedState } from "../../src/control-plane/saved-state/saved-state.ts";
import {
  createXdsCache,
  fieldPart,
  joinedPart,
  resourceFromBytes,
  resourceFromParts,
  typeUrls,
  type XdsCache,
  type XdsResource,
  xdsPart,
  xdsPiece,
} from "../../src/xds/index.ts";
import { waitFor } from "../support/wait-for.ts";

let folder: string;
let warnings: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "epoxy-saved-"));
  warnings = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const file = (): string => join(folder, "state");
const size = async (): Promise<number> => (await stat(file())).size;
const open = (maxBytes?: number): Promise<SavedState> =>
  openSavedState({
    folder,
    maxBytes,
    logger: {
      debug() {},
      info() {},
      warn: (_fields: object, message: string) => void warnings.push(message),
      error() {},
    },
  });
const cluster = (name: string, content = name) => resourceFromBytes(typeUrls.cluster, name, Buffer.from(content));
/** A resource, for comparison: with its bytes as text. */
const readable = (resource: XdsResource | undefined) =>
  resource && {
    ...resource,
    parts: resource.parts.map((part) => ({ ...part, bytes: Buffer.from(part.bytes).toString() })),
  };
/** All that a cache holds, by content. */
const contentOf = (cache: XdsCache): unknown => Object.fromEntries(cache.keys().map((key) => [key, cache.dump(key)]));

/** What a process does with a cache, and what the next one finds. */
async function live(run: (cache: XdsCache) => void | Promise<void>, maxBytes?: number): Promise<XdsCache> {
  const state = await open(maxBytes);
  const { cache } = savedCache(createXdsCache(), state);
  await run(cache);
  await state.close();
  return cache;
}

describe("what was served", () => {
  it("is there after a restart, with its versions, parts and origins, and is served when the sources take too long", async () => {
    const table = resourceFromParts(typeUrls.route, "table", [
      xdsPart(Buffer.from("header"), "Gateway/a/b"),
      fieldPart(2, Buffer.from("host"), "VirtualService/a/b"),
      joinedPart([xdsPiece(Buffer.from("frame")), xdsPiece(Buffer.from("routes"))], "VirtualService/a/c"),
    ]);
    const resendWith = [{ typeUrl: typeUrls.endpoint, name: "a" }];
    const before = await live((cache) => {
      cache.apply("proxy", {
        upsert: [resourceFromBytes(typeUrls.cluster, "a", Buffer.from("a"), { resendWith }), table],
      });
      cache.apply("proxy", { upsert: [cluster("gone")], complete: true });
      cache.apply("proxy", { remove: [cluster("gone")] });
    });
    await using state = await open();
    const after = createXdsCache();
    const saved = savedCache(after, state);
    expect(saved.restored).toEqual(["proxy"]);
    expect(readable(after.get("proxy", typeUrls.route, "table"))).toEqual(readable(table));
    expect(after.get("proxy", typeUrls.cluster, "a")?.resendWith).toEqual(resendWith);
    expect(after.version("proxy", typeUrls.cluster)).toBe(before.version("proxy", typeUrls.cluster));
    expect(after.ready("proxy", typeUrls.cluster)).toBe(false);
    saved.serveRestored();
    expect(after.ready("proxy", typeUrls.cluster)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it("has no secrets in it, which then wait for their source", async () => {
    await live((cache) =>
      cache.apply("proxy", {
        upsert: [cluster("a"), resourceFromBytes(typeUrls.secret, "tls", Buffer.from("the private key"))],
        complete: true,
      }),
    );
    expect((await readFile(file())).includes("private key")).toBe(false);
    await using state = await open();
    const after = createXdsCache();
    savedCache(after, state).serveRestored();
    expect(after.ready("proxy", typeUrls.cluster)).toBe(true);
    expect(after.ready("proxy", typeUrls.secret)).toBe(false);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
  });

  it("costs the size of a change, not of all there is: one of 10,000 clusters, one of 10,000 virtual hosts of a table", async () => {
    const parts = Array.from({ length: 10_000 }, (_, i) => xdsPart(Buffer.from(`host ${i}`), `VirtualService/a/${i}`));
    const state = await open();
    const { cache } = savedCache(createXdsCache(), state);
    const upsert = Array.from({ length: 10_000 }, (_, i) => cluster(`cluster-${i}`));
    cache.apply("proxy", { upsert: [...upsert, resourceFromParts(typeUrls.route, "table", parts)], complete: true });
    const settled = async (): Promise<number> => {
      let last = -1;
      return await waitFor(async () => (last === (last = await size()) && last > 1_000_000 ? last : undefined), {
        interval: 150,
      });
    };
    const whole = await settled();
    cache.apply("proxy", { upsert: [cluster("cluster-5000", "changed")] });
    const edited = parts.with(7_000, xdsPart(Buffer.from("edited"), "VirtualService/a/7000"));
    cache.apply("proxy", { upsert: [resourceFromParts(typeUrls.route, "table", edited)] });
    await state.close();
    expect((await size()) - whole).toBeGreaterThan(0);
    expect((await size()) - whole).toBeLessThan(1_000);
    await using next = await open();
    const after = createXdsCache();
    savedCache(after, next);
    expect(contentOf(after)).toEqual(
      Object.fromEntries(
        Object.entries(contentOf(cache) as object).map(([key, types]) => [
          key,
          types.map((type: object) => ({ ...type, complete: false })),
        ]),
      ),
    );
  });

  it("doesn't grow with the number of changes", async () => {
    await live(async (cache) => {
      cache.apply("proxy", { complete: true });
      for (let i = 0; i < 40; i++) {
        const changed = cluster("a", `${i}`.repeat(100_000));
        cache.apply("proxy", { upsert: [changed] });
        await waitFor(async () => (await readFile(file())).includes(changed.parts[0]?.digest ?? "?"));
      }
    });
    expect(await size()).toBeLessThan(1_700_000);
    expect(await readdir(folder)).toEqual([".gitignore", "state"]);
    await using state = await open();
    const after = createXdsCache();
    savedCache(after, state);
    expect(readable(after.get("proxy", typeUrls.cluster, "a"))).toEqual(readable(cluster("a", "39".repeat(100_000))));
  });

  it("is given up for the largest proxy, as a whole and with a word, when it is more than the limit", async () => {
    await live((cache) => {
      cache.apply("small", { upsert: [cluster("a")], complete: true });
      cache.apply("large", { upsert: [cluster("b"), cluster("c", "c".repeat(20_000))], complete: true });
    }, 10_000);
    expect(warnings).toEqual([
      expect.stringMatching(/larger than 10000 bytes: "served large" \(\d+ bytes\) isn't kept/),
    ]);
    await using state = await open();
    const after = createXdsCache();
    expect(savedCache(after, state).restored).toEqual(["small"]);
    expect(after.keys()).toEqual(["small"]);
    expect(await size()).toBeLessThan(2_000);
  });

  it("is kept by one process at a time; a second one reads it only", async () => {
    await live((cache) => cache.apply("early", { upsert: [cluster("a")], complete: true }));
    await using first = await open();
    const { cache } = savedCache(createXdsCache(), first);
    await live((other) => {
      expect(other.get("early", typeUrls.cluster, "a")).toBeDefined();
      other.apply("other", { upsert: [cluster("a")], complete: true });
    });
    expect(warnings).toEqual([expect.stringContaining("in use by another process")]);
    cache.apply("proxy", { upsert: [cluster("a")], complete: true });
    await first.close();
    await using state = await open();
    expect(savedCache(createXdsCache(), state).restored).toEqual(["early", "proxy"]);
  });
});

describe("the last good version", () => {
  /** Saves a value in one process and reads it in the next. */
  async function passedOn<T>(form: SavedForm<T>, value: T): Promise<T | undefined> {
    const state = await open();
    state.section("values", form).set("key", value);
    await state.close();
    await using next = await open();
    return next.section("values", form).get("key");
  }
  const part = (text: string, origin?: string) => xdsPart(Buffer.from(text), origin);
  /** With bytes as text. */
  const plain = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value, (key, item) => (key === "bytes" ? Buffer.from(item.data ?? item).toString() : item)),
    );

  it("of a virtual host has all its parts: in one table, in tables by scope, with wildcards, or not to be built", async () => {
    const whole = part("whole", "VirtualService/a/b");
    const own = { part: part("own", "VirtualService/a/b"), domains: ["a.test", "b.test"] };
    const base = { snapshotKey: "a~b", listenerKey: "a/b|listener", clusters: ["c"], problems: [] };
    for (const parts of [
      { name: "host", whole, own: undefined, wildcard: whole },
      { name: "host", whole, own, wildcard: undefined },
      { name: "host", whole, own, wildcard: part("wildcard") },
      undefined,
    ]) {
      expect(plain(await passedOn(savedVirtualHost, { ...base, parts }))).toEqual(plain({ ...base, parts }));
    }
  });

  it("of a listener is there with its version", async () => {
    const resource = resourceFromBytes(typeUrls.listener, "listener", Buffer.from("listener"), {
      origin: "Gateway/a/b",
    });
    const listener = { snapshotKey: "a~b", resource, routeConfigName: "routes", scoped: true, problems: [] };
    expect(plain(await passedOn(savedListener, listener))).toEqual(plain(listener));
    const unbuilt = { ...listener, resource: undefined };
    expect(plain(await passedOn(savedListener, unbuilt))).toEqual(plain(unbuilt));
  });
});

describe("a file of saved state", () => {
  const write = async (values: Record<string, string>): Promise<void> => {
    const journal = await openJournal(file(), (reason) => warnings.push(reason));
    const edits = sectionedMap<Buffer | undefined>();
    for (const [key, value] of Object.entries(values)) edits.set("section", key, Buffer.from(value));
    await journal.write(edits);
    await journal.close();
  };
  const read = async (): Promise<Record<string, string>> => {
    const journal = await openJournal(file(), (reason) => warnings.push(reason));
    const values = [...journal.keys("section")].map((key) => [key, journal.get("section", key)?.toString()]);
    await journal.close();
    return Object.fromEntries(values);
  };

  it("that ends in the middle of a change is as it was before that change, and goes on from there", async () => {
    await write({ a: "1", b: "1" });
    await write({ a: "2", b: "2" });
    await truncate(file(), (await size()) - 1);
    expect(await read()).toEqual({ a: "1", b: "1" });
    await write({ a: "3" });
    expect(await read()).toEqual({ a: "3", b: "1" });
    expect(warnings).toEqual([]);
  });

  it("that has a wrong byte is ignored with a word, and begun anew", async () => {
    await write({ a: "one" });
    await write({ b: "two" });
    const bytes = await readFile(file());
    bytes[bytes.indexOf("one")] = 0x21;
    await writeFile(file(), bytes);
    expect(await read()).toEqual({});
    expect(warnings).toEqual([expect.stringMatching(/^its checksum is wrong at byte \d+ of \d+$/)]);
    await write({ c: "three" });
    warnings = [];
    expect(await read()).toEqual({ c: "three" });
    expect(warnings).toEqual([]);
  });

  it("that is something else is ignored with a word", async () => {
    await writeFile(file(), "metadata: {name: default}\n");
    expect(await read()).toEqual({});
    expect(warnings).toEqual(["it is not a saved state of this version of Epoxy"]);
  });

  it("gives back any sequence of edits, also of long values that change in the middle, at the ends, or not", async () => {
    const long = "0123456789".repeat(500);
    const steps = [
      long,
      `${long}end`,
      `start${long}end`,
      long,
      long.replaceAll("5", "five"),
      "",
      long.slice(0, 3_000),
      long.slice(2_000),
      `${long}${long}`,
    ];
    for (const [index, step] of steps.entries()) {
      await write({ a: step, [`b${index % 2}`]: step });
      expect((await read())["a"]).toBe(step);
    }
    expect(await read()).toEqual({ a: steps.at(-1), b0: steps.at(-1), b1: steps.at(-2) });
  });
});
