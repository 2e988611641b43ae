import { expect, test } from "vitest";
import { isAlreadyExists, isConflict, isNotFound } from "../../../src/errors/index.ts";
import { specEquals } from "../../../src/resources/index.ts";
import { widget, WidgetKind, withVersion } from "../support/kinds.ts";
import { onNewStorage, type StorageFixture, type StorageHarness } from "./harness.ts";

const ref = (name: string, namespace = "ns-1") => ({ namespace, name });

/** Behaviours 1 to 25: one resource's life. */
export function crudContract<F extends StorageFixture>(harness: StorageHarness<F>): void {
  test(
    "1–3: an empty storage lists nothing, in whichever namespace",
    onNewStorage(harness, async ({ widgets }) => {
      expect(await widgets.list({ namespaces: ["ns-1"] })).toEqual({ items: [], problems: [] });
      expect(await widgets.list({ namespaces: ["ns-2"] })).toEqual({ items: [], problems: [] });
      expect(await widgets.list()).toEqual({ items: [], problems: [] });
    }),
  );

  test(
    "4, 6–10: a new resource is written, and comes back with its name, namespace, payload and a version",
    onNewStorage(harness, async ({ widgets }) => {
      const input = widget("one", { text: "hello", texts: ["a", "b"] }, { labels: { app: "x" } });
      const written = await widgets.write(input);
      expect(written.metadata).toMatchObject({ name: "one", namespace: "ns-1", labels: { app: "x" } });
      expect(written.metadata?.resourceVersion).not.toBe("");
      expect(written.text).toBe("hello");
      expect(specEquals(WidgetKind, written, input)).toBe(true);
      expect(input.metadata?.resourceVersion).toBe("");
    }),
  );

  test(
    "5: writing it again without overwriting says that it exists",
    onNewStorage(harness, async ({ widgets }) => {
      await widgets.write(widget("one"));
      await expect(widgets.write(widget("one"))).rejects.toSatisfy(isAlreadyExists);
    }),
  );

  test(
    "11, 20: overwriting with an empty or an older version is a conflict, and changes nothing",
    onNewStorage(harness, async ({ widgets }) => {
      const first = await widgets.write(widget("one", { text: "1" }));
      const second = await widgets.write({ ...first, text: "2" }, { overwrite: true });
      await expect(widgets.write(widget("one", { text: "3" }), { overwrite: true })).rejects.toSatisfy(isConflict);
      await expect(widgets.write({ ...first, text: "3" }, { overwrite: true })).rejects.toSatisfy(isConflict);
      expect(await widgets.read(ref("one"))).toEqual(second);
    }),
  );

  test(
    "12–15: overwriting with the stored version gives a new version, and reading gives what was returned",
    onNewStorage(harness, async ({ widgets }) => {
      const first = await widgets.write(widget("one", { text: "1" }));
      const second = await widgets.write({ ...first, text: "2" }, { overwrite: true });
      expect(second.metadata?.resourceVersion).not.toBe(first.metadata?.resourceVersion);
      expect(second.text).toBe("2");
      expect(await widgets.read(ref("one"))).toEqual(second);
    }),
  );

  test(
    "overwriting what is absent creates it, but with a version it is a conflict",
    onNewStorage(harness, async ({ widgets }) => {
      const created = await widgets.write(widget("one", { text: "1" }), { overwrite: true });
      expect(await widgets.read(ref("one"))).toEqual(created);
      const stale = widget("two", {}, { resourceVersion: created.metadata?.resourceVersion ?? "" });
      await expect(widgets.write(stale, { overwrite: true })).rejects.toSatisfy(isConflict);
      await expect(widgets.read(ref("two"))).rejects.toSatisfy(isNotFound);
    }),
  );

  test(
    "16: the same name in another namespace is not found",
    onNewStorage(harness, async ({ widgets }) => {
      await widgets.write(widget("one"));
      await expect(widgets.read(ref("one", "ns-2"))).rejects.toSatisfy(isNotFound);
    }),
  );

  test(
    "21, 22: deleting what is absent is not found, unless that is to be ignored",
    onNewStorage(harness, async ({ widgets }) => {
      await widgets.write(widget("other"));
      await expect(widgets.delete(ref("one"))).rejects.toSatisfy(isNotFound);
      await widgets.delete(ref("one"), { ignoreNotFound: true });
      await expect(widgets.delete(ref("one", "absent"))).rejects.toSatisfy(isNotFound);
    }),
  );

  test(
    "23–25: a deleted resource is gone, and the others stay",
    onNewStorage(harness, async ({ widgets }) => {
      await widgets.write(widget("one"));
      await widgets.write(widget("two", {}, { namespace: "ns-2" }));
      await widgets.delete(ref("two", "ns-2"));
      await expect(widgets.read(ref("two", "ns-2"))).rejects.toSatisfy(isNotFound);
      expect((await widgets.list()).items.map(({ metadata }) => metadata?.name)).toEqual(["one"]);
    }),
  );

  test(
    "deleting one version is a conflict once there is another",
    onNewStorage(harness, async ({ widgets }) => {
      const first = await widgets.write(widget("one", { text: "1" }));
      const second = await widgets.write({ ...first, text: "2" }, { overwrite: true });
      const before = first.metadata?.resourceVersion ?? "";
      await expect(widgets.delete(ref("one"), { resourceVersion: before })).rejects.toSatisfy(isConflict);
      await widgets.delete(ref("one"), { resourceVersion: second.metadata?.resourceVersion ?? "" });
      await expect(widgets.read(ref("one"))).rejects.toSatisfy(isNotFound);
    }),
  );

  test(
    "58: creating with a version is a conflict",
    onNewStorage(harness, async ({ widgets }) => {
      await expect(widgets.write(withVersion(widget("one"), "1"))).rejects.toSatisfy(isConflict);
      await expect(widgets.read(ref("one"))).rejects.toSatisfy(isNotFound);
    }),
  );

  test(
    "70: a version never comes back, so a writer from before a deletion can't win over what was created after",
    onNewStorage(harness, async ({ widgets }) => {
      const versions = new Set<string>();
      let previous = await widgets.write(widget("one", { text: "same" }));
      for (let round = 0; round < 20; round++) {
        versions.add(previous.metadata?.resourceVersion ?? "");
        await widgets.delete(ref("one"));
        const next = await widgets.write(widget("one", { text: "same" }));
        await expect(widgets.write({ ...previous, text: "stale" }, { overwrite: true })).rejects.toSatisfy(isConflict);
        previous = next;
      }
      expect(versions.size).toBe(20);
      expect((await widgets.read(ref("one"))).text).toBe("same");
    }),
  );

  test(
    "70: nor does it when a resource returns to an earlier content",
    onNewStorage(harness, async ({ widgets }) => {
      const first = await widgets.write(widget("one", { text: "a" }));
      const second = await widgets.write({ ...first, text: "b" }, { overwrite: true });
      await widgets.write({ ...second, text: "a" }, { overwrite: true });
      await expect(widgets.write({ ...first, text: "c" }, { overwrite: true })).rejects.toSatisfy(isConflict);
    }),
  );
}
