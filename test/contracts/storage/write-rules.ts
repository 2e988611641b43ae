import { expect, test } from "vitest";
import type { Metadata } from "../../../generated/proto/epoxy/core/v1/metadata.ts";
import { isAlreadyExists, isConflict, isInvalid, isNotFound, isUnavailable } from "../../../src/errors/index.ts";
import { specEquals } from "../../../src/resources/index.ts";
import { type Widget, gadget, territory, widget, WidgetKind } from "../support/kinds.ts";
import { keysOf, onNewStorage, type StorageFixture, type StorageHarness } from "./harness.ts";

const ref = (name: string, namespace = "ns-1") => ({ namespace, name });

/** How many of the promises were fulfilled, and the errors of the others. */
async function outcomes(promises: readonly Promise<unknown>[]): Promise<{ won: number; errors: unknown[] }> {
  const settled = await Promise.allSettled(promises);
  const errors = settled.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  return { won: settled.length - errors.length, errors };
}

/** Behaviours 32, 56, 57, 60, 63, 67 to 69: what holds for every write. */
export function writeRulesContract<F extends StorageFixture>(harness: StorageHarness<F>): void {
  test(
    "32, 67: what is handed out is frozen in depth, and what was handed in is copied",
    onNewStorage(harness, async ({ widgets }) => {
      const texts = ["a"];
      const labels = { app: "x" };
      const made = widget("one", { config: { list: [1] } });
      const input = { ...made, texts, metadata: { ...(made.metadata as Metadata), labels } };
      const written = await widgets.write(input);
      texts.push("b");
      labels.app = "changed";
      const read = await widgets.read(ref("one"));
      const listed = (await widgets.list()).items[0] as Widget;
      for (const resource of [written, read, listed]) {
        expect(resource.texts).toEqual(["a"]);
        expect(resource.metadata?.labels).toEqual({ app: "x" });
        expect(Object.isFrozen(resource)).toBe(true);
        expect(Object.isFrozen(resource.metadata?.labels)).toBe(true);
        expect(Object.isFrozen((resource.config as { list: unknown }).list)).toBe(true);
      }
    }),
  );

  test(
    "56, 57: of many writers with one version exactly one wins, and the others get a conflict",
    onNewStorage(harness, async ({ widgets }) => {
      let current = await widgets.write(widget("one"));
      for (let round = 0; round < 10; round++) {
        const base = current;
        const { won, errors } = await outcomes(
          Array.from({ length: 8 }, (_, n) => widgets.write({ ...base, text: `${round}-${n}` }, { overwrite: true })),
        );
        expect(won).toBe(1);
        expect(errors.every(isConflict)).toBe(true);
        current = await widgets.read(ref("one"));
      }
    }),
  );

  test(
    "56: of many that create one resource exactly one wins, and the others are told that it exists",
    onNewStorage(harness, async ({ widgets }) => {
      for (let round = 0; round < 5; round++) {
        const creators = Array.from({ length: 8 }, (_, n) => widgets.write(widget(`one-${round}`, { text: `${n}` })));
        const { won, errors } = await outcomes(creators);
        expect(won).toBe(1);
        expect(errors.every(isAlreadyExists)).toBe(true);
      }
    }),
  );

  const { another } = harness;
  // oxlint-disable-next-line vitest/no-conditional-tests -- data in the process has no other process
  if (another !== undefined) {
    test(
      "56, 57: the same holds for writers in different processes",
      onNewStorage(harness, async ({ widgets, fixture }) => {
        const other = await another(fixture);
        try {
          const others = other.client(WidgetKind);
          let current = await widgets.write(widget("one"));
          for (let round = 0; round < 10; round++) {
            const base = current;
            const { won, errors } = await outcomes(
              [widgets, others, widgets, others].map((client, n) =>
                client.write({ ...base, text: `${round}-${n}` }, { overwrite: true }),
              ),
            );
            expect(won).toBe(1);
            expect(errors.every(isConflict)).toBe(true);
            current = await others.read(ref("one"));
          }
        } finally {
          await other.close();
        }
      }),
    );
  }

  test(
    "63: kinds don't mix, though names and namespaces are the same",
    onNewStorage(harness, async ({ widgets, gadgets }) => {
      await widgets.write(widget("one"));
      await gadgets.write(gadget("one", "gadget"));
      await gadgets.write(gadget("two"));
      expect(keysOf((await widgets.list()).items)).toEqual(["ns-1/one"]);
      await widgets.delete(ref("one"));
      expect((await gadgets.read(ref("one"))).text).toBe("gadget");
    }),
  );

  test(
    "a kind of cluster scope has no namespace",
    onNewStorage(harness, async ({ territories }) => {
      const written = await territories.write(territory("world", "1"));
      expect(await territories.read({ namespace: "", name: "world" })).toEqual(written);
      await territories.write({ ...written, text: "2" }, { overwrite: true });
      expect((await territories.list()).items.map(({ text }) => text)).toEqual(["2"]);
      await expect(territories.read({ namespace: "ns-1", name: "world" })).rejects.toSatisfy(isInvalid);
      await territories.delete({ namespace: "", name: "world" });
      expect((await territories.list()).items).toEqual([]);
    }),
  );

  test(
    "68: an error keeps its identity when it is wrapped",
    onNewStorage(harness, async ({ widgets }) => {
      const error: unknown = await widgets.read(ref("absent")).catch((reason: unknown) => reason);
      const wrapped = new Error("while translating", { cause: new Error("in a controller", { cause: error }) });
      expect(isNotFound(wrapped)).toBe(true);
      expect(isConflict(wrapped)).toBe(false);
      expect((error as Error).message).toContain("Widget ns-1.absent");
    }),
  );

  test.each([
    ["", "ns-1"],
    ["../one", "ns-1"],
    ["a/b", "ns-1"],
    ["UPPER", "ns-1"],
    [".hidden", "ns-1"],
    ["one", ""],
    ["one", ".."],
    ["one", "a/b"],
    ["one", "dotted.namespace"],
    ["x".repeat(254), "ns-1"],
    ["one", "n".repeat(64)],
  ])("69: the name %j in namespace %j is invalid for every call", (name, namespace) =>
    onNewStorage(harness, async ({ widgets }) => {
      const bad = { namespace, name };
      await expect(widgets.write(widget(name, {}, { namespace }))).rejects.toSatisfy(isInvalid);
      await expect(widgets.read(bad)).rejects.toSatisfy(isInvalid);
      await expect(widgets.delete(bad, { ignoreNotFound: true })).rejects.toSatisfy(isInvalid);
    })(),
  );

  test.each(["a", "with.dots.and-dashes", `${"x".repeat(63)}.${"y".repeat(189)}`, "0"])(
    "69: the name %j is written, read, listed, overwritten and deleted",
    (name) =>
      onNewStorage(harness, async ({ widgets }) => {
        const written = await widgets.write(widget(name, { text: "1" }));
        expect(await widgets.read(ref(name))).toEqual(written);
        const second = await widgets.write({ ...written, text: "2" }, { overwrite: true });
        expect((await widgets.list()).items).toEqual([second]);
        await widgets.delete(ref(name));
        expect((await widgets.list()).items).toEqual([]);
      })(),
  );

  test(
    "69: every sort of field comes back as it was written",
    onNewStorage(harness, async ({ widgets }) => {
      const input = widget("one", {
        text: 'tab\t, line\nbreak, "quotes", # no comment, : colon, ünïcödé, 日本, 🦆, null',
        texts: ["", "true", "1e3", "0x10", "~", "- dash", " spaces "],
        textsByName: { "key: with # all": "v", "": "empty key", null: "null" },
        data: new Uint8Array([0, 255, 127, 10]),
        large: -9_223_372_036_854_775_808n,
        size: 1,
        // A Duration of three seconds.
        any: { typeUrl: "type.googleapis.com/google.protobuf.Duration", value: new Uint8Array([8, 3]) },
        config: { n: 1.5, s: "x", b: true, nothing: null, list: [1, { deep: "x" }] },
        wait: { seconds: 15n, nanos: 500_000_000 },
        flag: false,
        match: { $case: "part", value: { name: "p", weight: 0.1 } },
        partsByNumber: new Map([[-7n, { name: "minus seven", weight: 1e300 }]]),
        parts: [
          { name: "a", weight: -1 },
          { name: "", weight: 0 },
        ],
        optionalNumber: 0,
      });
      await widgets.write(input);
      const read = await widgets.read(ref("one"));
      expect(specEquals(WidgetKind, read, input)).toBe(true);
      expect(read.flag).toBe(false);
      expect(read.optionalNumber).toBe(0);
      expect(read.large).toBe(-9_223_372_036_854_775_808n);
      expect([...read.partsByNumber.keys()]).toEqual([-7n]);
      expect([...read.data]).toEqual([0, 255, 127, 10]);
      expect(read.any?.typeUrl).toBe("type.googleapis.com/google.protobuf.Duration");
      expect([...(read.any?.value ?? [])]).toEqual([8, 3]);
      expect(read.match).toEqual({ $case: "part", value: { name: "p", weight: 0.1 } });
    }),
  );

  test(
    "69: an unset wrapper, an unset optional field and another case of a oneof are told apart from zero values",
    onNewStorage(harness, async ({ widgets }) => {
      await widgets.write(widget("one", { match: { $case: "path", value: "" } }));
      const read = await widgets.read(ref("one"));
      expect(read.flag).toBeUndefined();
      expect(read.optionalNumber).toBeUndefined();
      expect(read.match).toEqual({ $case: "path", value: "" });
    }),
  );

  test(
    "69: a payload of 300 KB comes back as it was written",
    onNewStorage(harness, async ({ widgets }) => {
      const text = "0123456789".repeat(30_000);
      await widgets.write(widget("one", { text }));
      expect((await widgets.read(ref("one"))).text).toBe(text);
    }),
  );

  test(
    "60: an aborted call rejects with the signal's reason and does nothing",
    onNewStorage(harness, async ({ widgets }) => {
      const reason = new Error("enough");
      const signal = AbortSignal.abort(reason);
      await expect(widgets.write(widget("one"), { signal })).rejects.toBe(reason);
      await expect(widgets.read(ref("one"), { signal })).rejects.toBe(reason);
      await expect(widgets.list({ signal })).rejects.toBe(reason);
      expect((await widgets.list()).items).toEqual([]);
    }),
  );

  test(
    "a closed storage is unavailable, and closing it again does nothing",
    onNewStorage(harness, async ({ widgets, storage }) => {
      await storage.close();
      await storage.close();
      await expect(widgets.read(ref("one"))).rejects.toSatisfy(isUnavailable);
    }),
  );
}
