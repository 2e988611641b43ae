import { describe, expect, test } from "vitest";
import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { EpoxyError, isInvalid, isUnavailable, problemsOf } from "../../src/errors/index.ts";
import { deepFreeze, type Ref, refOf, refText } from "../../src/resources/index.ts";
import { createReconciler, type ReconcileResult, type ReconcilerOptions } from "../../src/snapshot/index.ts";
import { createMemoryStorage, type ResourceClient } from "../../src/storage/index.ts";
import { failingClient, unavailable } from "./support/failing-client.ts";
import { serviceOf, status, UpstreamKind, upstream } from "./support/resources.ts";

const ownerLabels = { discovered_by: "test" };
const owned = (name: string, service?: string, namespace?: string): Upstream =>
  upstream(name, service, { labels: ownerLabels, ...(namespace === undefined ? {} : { namespace }) });
const quick = { backoff: { initial: 1, max: 1 } };

const setup = (options: Partial<ReconcilerOptions<Upstream>> = {}) => {
  const client = createMemoryStorage().client(UpstreamKind);
  const through = (other: ResourceClient<Upstream>) => createReconciler(other, { ownerLabels, ...quick, ...options });
  return { client, reconciler: through(client), through };
};

const texts = ({ created, updated, deleted, unchanged, errors }: ReconcileResult) => ({
  created: created.map(refText),
  updated: updated.map(refText),
  deleted: deleted.map(refText),
  unchanged: unchanged.map(refText),
  errors: errors.map(({ ref, action, error }) => [refText(ref), action, error.message]),
});
const services = async (client: ResourceClient<Upstream>) =>
  (await client.list()).items.map((item) => `${refText(refOf(item))}=${serviceOf(item)}`);
const ref = (name: string): Ref => ({ namespace: "ns", name });

describe("reconciling", () => {
  test("creates with the owner's labels, updates what differs, deletes what is no longer desired, leaves the rest", async () => {
    const { client, reconciler } = setup();
    for (const resource of [owned("same"), owned("old"), owned("gone"), upstream("foreign")])
      await client.write(resource);
    const before = await client.read(ref("same"));
    const result = await reconciler.reconcile([upstream("new"), upstream("same"), upstream("old", "other")]);
    expect(texts(result)).toEqual({
      created: ["ns.new"],
      updated: ["ns.old"],
      deleted: ["ns.gone"],
      unchanged: ["ns.same"],
      errors: [],
    });
    expect(await services(client)).toEqual(["ns.foreign=s", "ns.new=s", "ns.old=other", "ns.same=s"]);
    expect((await client.read(ref("new"))).metadata?.labels).toEqual(ownerLabels);
    expect(await client.read(ref("same"))).toEqual(before);
  });

  test("keeps statuses and server-side metadata, and does not change its arguments", async () => {
    const { client, reconciler } = setup();
    await client.write(owned("a"));
    await client.writeStatus(ref("a"), "gloo-system", status("fine"));
    const desired = deepFreeze(upstream("a", "other"));
    await reconciler.reconcile([desired]);
    const stored = await client.read(ref("a"));
    expect([serviceOf(stored), stored.namespacedStatuses?.statuses["gloo-system"]?.reason]).toEqual(["other", "fine"]);
  });

  test("only says what it would do in a dry run", async () => {
    const { client, reconciler } = setup();
    for (const resource of [owned("old"), owned("gone")]) await client.write(resource);
    const result = await reconciler.reconcile([upstream("new"), upstream("old", "other")], { dryRun: true });
    expect(texts(result)).toMatchObject({ created: ["ns.new"], updated: ["ns.old"], deleted: ["ns.gone"] });
    expect(await services(client)).toEqual(["ns.gone=s", "ns.old=s"]);
  });

  test("touches only its namespaces", async () => {
    const { client, reconciler } = setup({ namespaces: ["ns"] });
    await client.write(owned("a", "s", "nsother"));
    const result = await reconciler.reconcile([upstream("b", "s", { namespace: "nsother" })], { onErrors: "return" });
    expect(texts(result)).toEqual({
      created: [],
      updated: [],
      deleted: [],
      unchanged: [],
      errors: [["nsother.b", "create", "Upstream nsother.b is desired outside of ns"]],
    });
  });

  test("refuses to work without owner labels", () => {
    const { client } = setup();
    expect(() => createReconciler(client, { ownerLabels: {} })).toThrow(/would delete what is not its own/);
  });
});

describe("failures", () => {
  test("of one item keep no other from being tried, and all are reported", async () => {
    const { client, through } = setup();
    for (const resource of [owned("gone1"), owned("gone2"), owned("old")]) await client.write(resource);
    const broken = new Set(["ns.new1", "ns.gone1"]);
    const failing = failingClient(client, (_call, at) => {
      if (broken.has(at)) throw new EpoxyError("invalid", "refused");
    });
    const desired = [upstream("new1"), upstream("new2"), upstream("old", "other")];
    const result = await through(failing).reconcile(desired, { onErrors: "return" });
    expect(texts(result)).toEqual({
      created: ["ns.new2"],
      updated: ["ns.old"],
      deleted: ["ns.gone2"],
      unchanged: [],
      errors: [
        ["ns.gone1", "delete", "can't delete Upstream ns.gone1: refused"],
        ["ns.new1", "create", "can't create Upstream ns.new1: refused"],
      ],
    });
    const error: unknown = await through(failing)
      .reconcile(desired)
      .catch((thrown: unknown) => thrown);
    expect(isInvalid(error)).toBe(true);
    expect(problemsOf(error).map(({ resource }) => resource)).toEqual(["Upstream ns.gone1", "Upstream ns.new1"]);
  });

  test("of a storage that does not answer are tried again, a bounded number of times", async () => {
    const { client, through } = setup({ tries: 3 });
    let calls = 0;
    const flaky = failingClient(client, () => {
      if (++calls < 3) throw unavailable();
    });
    expect(texts(await through(flaky).reconcile([upstream("a")])).created).toEqual(["ns.a"]);
    let attempts = 0;
    const dead = failingClient(client, () => {
      attempts++;
      throw unavailable();
    });
    const error: unknown = await through(dead)
      .reconcile([upstream("a", "other")])
      .catch((thrown: unknown) => thrown);
    expect([isUnavailable(error), attempts]).toEqual([true, 3]);
  });

  test("to list reject, and nothing is deleted", async () => {
    const { client, through } = setup();
    await client.write(owned("a"));
    const blind: ResourceClient<Upstream> = {
      ...client,
      list: async () => {
        throw unavailable();
      },
    };
    await expect(through(blind).reconcile([])).rejects.toSatisfy(isUnavailable);
    expect(await services(client)).toEqual(["ns.a=s"]);
  });

  test("include a resource desired twice, of which the first counts", async () => {
    const { client, reconciler } = setup();
    const result = await reconciler.reconcile([upstream("a", "one"), upstream("a", "two")], { onErrors: "return" });
    expect(texts(result)).toMatchObject({
      created: ["ns.a"],
      errors: [["ns.a", "create", "Upstream ns.a is desired twice: the first one counts"]],
    });
    expect(await services(client)).toEqual(["ns.a=one"]);
  });

  test("include one that someone else has, which is not touched", async () => {
    const { client, reconciler } = setup();
    await client.write(upstream("a", "mine"));
    const result = await reconciler.reconcile([upstream("a", "yours")], { onErrors: "return" });
    expect(result.errors.map(({ error }) => error.message)).toEqual([
      "can't create Upstream ns.a: Upstream ns.a exists and belongs to someone else: " +
        "rename one of them, or label it discovered_by=test to hand it over",
    ]);
    expect(await services(client)).toEqual(["ns.a=mine"]);
  });

  test("do not hide an abort", async () => {
    const { client, through } = setup();
    const abort = new AbortController();
    const aborting = failingClient(client, () => abort.abort(new Error("stopped")));
    await expect(through(aborting).reconcile([upstream("a")], { signal: abort.signal })).rejects.toThrow("stopped");
  });
});

describe("conflicts", () => {
  test("make it read again and apply the transition to fresh copies", async () => {
    const seen: string[] = [];
    const { client, through } = setup({
      transition: (existing, desired) => {
        seen.push(`${serviceOf(existing)}+${serviceOf(desired)}`);
        return upstream("a", `${serviceOf(existing)}+${serviceOf(desired)}`, { labels: ownerLabels });
      },
    });
    await client.write(owned("a", "v0"));
    let races = 0;
    const raced = failingClient(client, async (call) => {
      if (call !== "write" || races === 2) return;
      races++;
      const stored = await client.read(ref("a"));
      await client.write({ ...stored, ...typeOf(`v${races}`) }, { overwrite: true });
    });
    const result = await through(raced).reconcile([upstream("a", "want")]);
    expect(texts(result).updated).toEqual(["ns.a"]);
    expect(seen).toEqual(["v0+want", "v1+want", "v2+want"]);
    expect(await services(client)).toEqual(["ns.a=v2+want"]);
  });

  test("end after a bounded number of tries", async () => {
    const { client, through } = setup({ tries: 3 });
    await client.write(owned("a", "v0"));
    let races = 0;
    const raced = failingClient(client, async (call) => {
      if (call !== "write") return;
      const stored = await client.read(ref("a"));
      await client.write({ ...stored, ...typeOf(`v${++races}`) }, { overwrite: true });
    });
    const result = await through(raced).reconcile([upstream("a", "want")], { onErrors: "return" });
    expect([races, result.errors[0]?.error.code]).toEqual([3, "conflict"]);
  });

  test("in a deletion delete the newer version, unless it has been handed over", async () => {
    const { client, through } = setup();
    await client.write(owned("edited"));
    await client.write(owned("taken"));
    const raced = new Set<string>();
    const racing = failingClient(client, async (call, at) => {
      if (call !== "delete" || raced.has(at)) return;
      raced.add(at);
      const name = at.slice("ns.".length);
      const stored = await client.read(ref(name));
      const labels = name === "taken" ? {} : stored.metadata?.labels;
      const metadata = { ...stored.metadata, labels } as NonNullable<Upstream["metadata"]>;
      await client.write({ ...stored, metadata, ...typeOf("edited") }, { overwrite: true });
    });
    const result = await through(racing).reconcile([]);
    expect(texts(result)).toMatchObject({ deleted: ["ns.edited"], unchanged: ["ns.taken"] });
    expect(await services(client)).toEqual(["ns.taken=edited"]);
  });

  test("of a creation become an update when the other's is owned, too", async () => {
    const { client, through } = setup();
    let first = true;
    const racing = failingClient(client, async (call) => {
      if (call !== "write" || !first) return;
      first = false;
      await client.write(owned("a", "theirs"));
    });
    expect(texts(await through(racing).reconcile([upstream("a", "ours")])).updated).toEqual(["ns.a"]);
    expect(await services(client)).toEqual(["ns.a=ours"]);
  });
});

test("a transition that returns undefined leaves the stored resource as it is", async () => {
  const { client, through } = setup({ transition: () => undefined });
  await client.write(owned("a", "kept"));
  expect(texts(await through(client).reconcile([upstream("a", "want")])).unchanged).toEqual(["ns.a"]);
  expect(await services(client)).toEqual(["ns.a=kept"]);
});

const typeOf = (service: string) => ({ upstreamType: upstream("x", service).upstreamType });
