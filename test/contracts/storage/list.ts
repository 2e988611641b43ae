import { expect, test } from "vitest";
import { isAlreadyExists, isConflict, isInvalid } from "../../../src/errors/index.ts";
import type { Selector } from "../../../src/resources/index.ts";
import { widget, WidgetKind } from "../support/kinds.ts";
import { keysOf, onNewStorage, type StorageFixture, type StorageHarness } from "./harness.ts";

const inNamespace = (namespace: string, name: string, labels: Record<string, string> = {}) =>
  widget(name, {}, { namespace, labels });

const isRefused = (error: unknown) => isConflict(error) || isAlreadyExists(error);

/** Behaviours 17 to 19, 33 to 37, 46, 54, 62, 66: lists and selectors. */
export function listContract<F extends StorageFixture>(harness: StorageHarness<F>): void {
  test(
    "17–19: a list over all namespaces has what the selector selects",
    onNewStorage(harness, async ({ widgets }) => {
      await widgets.write(inNamespace("ns-1", "one", { app: "x", tier: "a" }));
      await widgets.write(inNamespace("ns-2", "two", { app: "x", tier: "b" }));
      const narrow = await widgets.list({ selector: { matchLabels: { app: "x", tier: "a" } } });
      expect(keysOf(narrow.items)).toEqual(["ns-1/one"]);
      const wide = await widgets.list({ selector: { matchLabels: { app: "x" } } });
      expect(keysOf(wide.items)).toEqual(["ns-1/one", "ns-2/two"]);
    }),
  );

  test(
    "33, 66: a list is in order of namespace, then name, whatever was written first",
    onNewStorage(harness, async ({ widgets }) => {
      for (const [namespace, name] of [
        ["b", "a"],
        ["a", "b"],
        ["a-b", "a"],
        ["a", "a.b"],
        ["a", "a"],
        ["a", "a-b"],
      ] as const) {
        await widgets.write(inNamespace(namespace, name));
      }
      expect(keysOf((await widgets.list()).items)).toEqual(["a/a", "a/a-b", "a/a.b", "a/b", "a-b/a", "b/a"]);
      expect(keysOf((await widgets.list({ namespaces: ["b", "a"] })).items)).toEqual([
        "a/a",
        "a/a-b",
        "a/a.b",
        "a/b",
        "b/a",
      ]);
    }),
  );

  test(
    "34: an unknown namespace is an empty one",
    onNewStorage(harness, async ({ widgets }) => {
      await widgets.write(inNamespace("ns-1", "one"));
      expect(await widgets.list({ namespaces: ["absent"] })).toEqual({ items: [], problems: [] });
    }),
  );

  test(
    "54: namespace foo has nothing of foobar",
    onNewStorage(harness, async ({ widgets }) => {
      await widgets.write(inNamespace("foobar", "one"));
      expect((await widgets.list({ namespaces: ["foo"] })).items).toEqual([]);
      await widgets.write(inNamespace("foo", "one"));
      expect(keysOf((await widgets.list({ namespaces: ["foo"] })).items)).toEqual(["foo/one"]);
      await widgets.delete({ namespace: "foo", name: "one" });
      expect(keysOf((await widgets.list()).items)).toEqual(["foobar/one"]);
    }),
  );

  test.each<[string, Selector, readonly string[]]>([
    ["app=x", { matchLabels: { app: "x" } }, ["a", "b"]],
    ["app in (x, y)", { expressions: [{ key: "app", operator: "In", values: ["x", "y"] }] }, ["a", "b", "c"]],
    ["app notin (x)", { expressions: [{ key: "app", operator: "NotIn", values: ["x"] }] }, ["c", "d"]],
    ["tier", { expressions: [{ key: "tier", operator: "Exists", values: [] }] }, ["b", "c"]],
    ["!tier", { expressions: [{ key: "tier", operator: "DoesNotExist", values: [] }] }, ["a", "d"]],
    ["app!=x", { expressions: [{ key: "app", operator: "NotEquals", values: ["x"] }] }, ["c", "d"]],
    [
      "app=x and tier in (front)",
      { matchLabels: { app: "x" }, expressions: [{ key: "tier", operator: "In", values: ["front"] }] },
      ["b"],
    ],
    ["nothing", { matchLabels: { app: "z" } }, []],
  ])("35–37, 46: the selector %s holds in all namespaces and in one", (_, selector, names) =>
    onNewStorage(harness, async ({ widgets }) => {
      for (const namespace of ["ns-1", "ns-2"]) {
        await widgets.write(inNamespace(namespace, "a", { app: "x" }));
        await widgets.write(inNamespace(namespace, "b", { app: "x", tier: "front" }));
        await widgets.write(inNamespace(namespace, "c", { app: "y", tier: "back" }));
        await widgets.write(inNamespace(namespace, "d"));
      }
      const first = names.map((name) => `ns-1/${name}`);
      const second = names.map((name) => `ns-2/${name}`);
      expect(keysOf((await widgets.list({ selector })).items)).toEqual([...first, ...second]);
      expect(keysOf((await widgets.list({ selector, namespaces: ["ns-2"] })).items)).toEqual(second);
    })(),
  );

  test(
    "61: a selector that can't be evaluated is an error, for lists and watches",
    onNewStorage(harness, async ({ widgets }) => {
      const unknown = { expressions: [{ key: "a", operator: "Like", values: ["x"] }] } as unknown as Selector;
      const empty: Selector = { expressions: [{ key: "a", operator: "In", values: [] }] };
      for (const selector of [unknown, empty]) {
        await expect(widgets.list({ selector })).rejects.toSatisfy(isInvalid);
        expect(() => widgets.watch({ selector })).toThrow(/operator/);
      }
    }),
  );

  const { putRaw } = harness;
  if (putRaw === undefined) return;

  test(
    "62: an entry that can't be read is a problem with its place, and hides no other",
    onNewStorage(harness, async ({ widgets, fixture }) => {
      await widgets.write(widget("good"));
      const bad = { namespace: "ns-1", name: "bad" };
      await putRaw(fixture, WidgetKind, bad, "metadata: {name: bad, namespace: ns-1}\ntext: [1\n");
      const { items, problems } = await widgets.list();
      expect(keysOf(items)).toEqual(["ns-1/good"]);
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatchObject({ ref: bad, lastGoodKept: false, error: { code: "invalid" } });
      expect(problems[0]?.location.source).toContain("bad");
      await expect(widgets.read(bad)).rejects.toSatisfy(isInvalid);
    }),
  );

  test(
    "62: an unknown field is a problem that names it",
    onNewStorage(harness, async ({ widgets, fixture }) => {
      const bad = { namespace: "ns-1", name: "bad" };
      await putRaw(fixture, WidgetKind, bad, "metadata:\n  name: bad\n  namespace: ns-1\ntxt: hello\n");
      const { problems } = await widgets.list();
      expect(problems[0]?.error.message).toContain("txt");
      expect(problems[0]?.error.message).toContain("text");
      expect(problems[0]?.location.line).toBe(harness.holdsJson === true ? undefined : 4);
    }),
  );

  test(
    "what can't be read is not replaced by accident",
    onNewStorage(harness, async ({ widgets, fixture }) => {
      const bad = { namespace: "ns-1", name: "bad" };
      await putRaw(fixture, WidgetKind, bad, "text: [1\n");
      await expect(widgets.write(widget("bad"))).rejects.toSatisfy(isRefused);
      await expect(widgets.write(widget("bad"), { overwrite: true })).rejects.toSatisfy(isRefused);
      await expect(widgets.read(bad)).rejects.toSatisfy(isInvalid);
    }),
  );

  test(
    "Kubernetes' shape and a reader's own shape are read alike",
    onNewStorage(harness, async ({ widgets, fixture }) => {
      await putRaw(
        fixture,
        WidgetKind,
        { namespace: "ns-1", name: "one" },
        "apiVersion: test.epoxy.io/v1\nkind: Widget\nmetadata: {name: one, namespace: ns-1}\nspec: {text: hello}\n",
      );
      await putRaw(
        fixture,
        WidgetKind,
        { namespace: "ns-1", name: "two" },
        "metadata: {name: two, namespace: ns-1}\ntext: hello\nstatus: {state: Accepted, reportedBy: test}\n",
      );
      const { items, problems } = await widgets.list();
      expect(problems).toEqual([]);
      expect(items.map(({ text }) => text)).toEqual(["hello", "hello"]);
      expect(items[1]?.namespacedStatuses?.statuses["gloo-system"]?.state).toBe(1);
    }),
  );
}
