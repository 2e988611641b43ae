import { expect, test } from "vitest";
import { isConflict, isInvalid, isNotFound } from "../../../src/errors/index.ts";
import { specEquals, statusOf } from "../../../src/resources/index.ts";
import { follow } from "../support/follow.ts";
import { status, widget, WidgetKind } from "../support/kinds.ts";
import { onNewStorage, type StorageFixture, type StorageHarness } from "./harness.ts";

const ref = (name: string, namespace = "ns-1") => ({ namespace, name });
const accepted = 1;
const rejected = 2;

/** Behaviour 71: statuses. */
export function statusContract<F extends StorageFixture>(harness: StorageHarness<F>): void {
  test(
    "71: a status is written to its reporter only, and leaves the specification as it is",
    onNewStorage(harness, async ({ widgets }) => {
      const written = await widgets.write(widget("one", { text: "spec" }, { labels: { app: "x" } }));
      expect(await widgets.writeStatus(ref("one"), "gloo-system", status(accepted))).toBe(true);
      expect(await widgets.writeStatus(ref("one"), "other", status(rejected, "no"))).toBe(true);
      const read = await widgets.read(ref("one"));
      expect(statusOf(read, "gloo-system")).toMatchObject({ state: accepted, reportedBy: "test" });
      expect(statusOf(read, "other")).toMatchObject({ state: rejected, reason: "no" });
      expect(specEquals(WidgetKind, read, written)).toBe(true);
    }),
  );

  test(
    "71: an equal status is not written again",
    onNewStorage(harness, async ({ widgets }) => {
      await widgets.write(widget("one"));
      await widgets.writeStatus(ref("one"), "gloo-system", status(rejected, "because"));
      const before = await widgets.read(ref("one"));
      expect(await widgets.writeStatus(ref("one"), "gloo-system", status(rejected, "because"))).toBe(false);
      expect(await widgets.read(ref("one"))).toEqual(before);
      expect(await widgets.writeStatus(ref("one"), "gloo-system", status(accepted))).toBe(true);
      expect(statusOf(await widgets.read(ref("one")), "gloo-system")?.reason).toBe("");
    }),
  );

  test(
    "71: reporters that write at the same time don't overwrite each other",
    onNewStorage(harness, async ({ widgets }) => {
      await widgets.write(widget("one"));
      const reporters = Array.from({ length: 8 }, (_, n) => `reporter-${n}`);
      const written = await Promise.all(
        reporters.map((reporter) => widgets.writeStatus(ref("one"), reporter, status(accepted, reporter))),
      );
      expect(written).toEqual(reporters.map(() => true));
      const read = await widgets.read(ref("one"));
      expect(reporters.map((reporter) => statusOf(read, reporter)?.reason)).toEqual(reporters);
    }),
  );

  test(
    "71: the status of what is absent is not found",
    onNewStorage(harness, async ({ widgets }) => {
      await expect(widgets.writeStatus(ref("one"), "gloo-system", status(accepted))).rejects.toSatisfy(isNotFound);
    }),
  );

  test(
    "a status gives way when its precondition says no to what is stored",
    onNewStorage(harness, async ({ widgets }) => {
      await widgets.write(widget("one", { text: "new" }));
      const seen: string[] = [];
      const precondition = (stored: { text: string }) => {
        seen.push(stored.text);
        return stored.text === "old";
      };
      expect(await widgets.writeStatus(ref("one"), "gloo-system", status(accepted), { precondition })).toBe(false);
      expect(seen).toEqual(["new"]);
      expect(statusOf(await widgets.read(ref("one")), "gloo-system")).toBeUndefined();
    }),
  );

  test(
    "a status write changes the version, so that a writer with the older one gets a conflict",
    onNewStorage(harness, async ({ widgets }) => {
      const before = await widgets.write(widget("one"));
      await widgets.writeStatus(ref("one"), "gloo-system", status(accepted));
      await expect(widgets.write({ ...before, text: "x" }, { overwrite: true })).rejects.toSatisfy(isConflict);
      const now = await widgets.read(ref("one"));
      const written = await widgets.write({ ...now, text: "x" }, { overwrite: true });
      expect(statusOf(written, "gloo-system")?.state).toBe(accepted);
    }),
  );

  test(
    "a watch sees a new status",
    onNewStorage(harness, async ({ widgets, signal }) => {
      await widgets.write(widget("one"));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one");
      await widgets.writeStatus(ref("one"), "gloo-system", status(rejected, "why"));
      await seen.until(({ items }) => statusOf(items.get("ns-1/one") ?? {}, "gloo-system")?.reason === "why");
      expect(seen.items.get("ns-1/one")).toEqual(await widgets.read(ref("one")));
    }),
  );

  test(
    "a status survives that its resource is overwritten with it",
    onNewStorage(harness, async ({ widgets }) => {
      const input = widget("one", { namespacedStatuses: { statuses: { "gloo-system": status(rejected, "kept") } } });
      const written = await widgets.write(input);
      expect(statusOf(written, "gloo-system")?.reason).toBe("kept");
      expect(statusOf(await widgets.read(ref("one")), "gloo-system")?.reason).toBe("kept");
    }),
  );

  test(
    "a kind without a status takes none",
    onNewStorage(harness, async ({ gadgets }) => {
      await gadgets.write({ metadata: widget("one").metadata, text: "" });
      await expect(gadgets.writeStatus(ref("one"), "gloo-system", status(accepted))).rejects.toSatisfy(isInvalid);
    }),
  );
}
