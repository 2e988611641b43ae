import { rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Artifact } from "../../generated/proto/epoxy/gloo/v1/artifact.ts";
import { ArtifactKind, UpstreamKind, VirtualServiceKind } from "../../generated/sdk/index.ts";
import { isUnavailable } from "../../src/errors/index.ts";
import { followCluster } from "../../src/discovery/index.ts";
import { createKubernetesClient } from "../../src/kubernetes/index.ts";
import type { Kind } from "../../src/resources/index.ts";
import type { Storage } from "../../src/storage/index.ts";
import { createKubernetesStorage } from "../../src/storage/kubernetes/index.ts";
import { follow } from "../contracts/support/follow.ts";
import { generatedCrds } from "../support/kubernetes/crds.ts";
import { type KubeCluster, startKubeCluster } from "../support/kubernetes/start-cluster.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { waitFor } from "../support/wait-for.ts";

const cluster = useKubeCluster();
const backoff = { initial: 20, max: 200 };
const mergePatch = { contentType: "application/merge-patch+json" };
let storage: Storage;
let namespace = "";
const ref = (name: string) => ({ namespace, name });
const servicePath = (name = ""): string =>
  `/apis/gateway.solo.io/v1/namespaces/${namespace}/virtualservices${name && `/${name}`}`;
const service = (name: string, rest: object = {}) => ({
  apiVersion: "gateway.solo.io/v1",
  kind: "VirtualService",
  metadata: { name },
  spec: { virtualHost: { domains: [name] } },
  ...rest,
});
beforeAll(async () => {
  await cluster().createCrds(generatedCrds(VirtualServiceKind, UpstreamKind));
  namespace = await cluster().namespace();
  storage = createKubernetesStorage({ kubeconfig: await cluster().kubeconfig(), backoff });
  return () => storage.close();
}, 120_000);

describe("a custom resource", () => {
  it("keeps owner references, finalizers and managed fields, whoever writes it", async () => {
    const owner = { apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: "1-2-3", controller: true };
    const metadata = { name: "owned", ownerReferences: [owner], finalizers: ["example.test/keep"], labels: { a: "b" } };
    const created = await cluster().apiOk("POST", servicePath(), service("owned", { metadata }));
    const services = storage.client(VirtualServiceKind);
    const read = await services.read(ref("owned"));
    expect(read.metadata?.ownerReferences).toMatchObject([{ kind: "ConfigMap", uid: "1-2-3", controller: true }]);
    await services.write({ ...read, displayName: "changed" }, { overwrite: true });
    const now = await cluster().apiOk("GET", servicePath("owned"));
    expect(now.spec.displayName).toBe("changed");
    expect(now.metadata).toMatchObject({ ...metadata, uid: created.metadata.uid });
    expect(now.metadata.managedFields.length).toBe(2);
    await cluster().apiOk("PATCH", servicePath("owned"), { metadata: { finalizers: null } }, mergePatch);
  });

  it("is read with a status of the older shape, which the next write replaces", async () => {
    await cluster().apiOk("POST", servicePath(), service("older"));
    const status = { state: 2, reason: "no", reportedBy: "gateway", subresourceStatuses: { x: { state: 1 } } };
    await cluster().apiOk("PATCH", `${servicePath("older")}/status`, { status }, mergePatch);
    const services = storage.client(VirtualServiceKind);
    const read = await services.read(ref("older"));
    expect(read.namespacedStatuses?.statuses["gloo-system"]).toMatchObject({ state: 2, reason: "no" });
    const accepted = {
      state: 1,
      reason: "",
      reportedBy: "e",
      subresourceStatuses: {},
      details: undefined,
      messages: [],
    } as const;
    expect(await services.writeStatus(ref("older"), "gloo-system", accepted)).toBe(true);
    const { status: now, metadata } = await cluster().apiOk("GET", servicePath("older"));
    expect(now).toEqual({ statuses: { "gloo-system": { state: "Accepted", reportedBy: "e" } } });
    expect(metadata.generation).toBe(1);
  });

  it("41: is read though its status can't be", async () => {
    await cluster().apiOk("POST", servicePath(), service("odd"));
    const status = { statuses: { a: { state: "Nonsense" }, b: { state: "Accepted" } } };
    await cluster().apiOk("PATCH", `${servicePath("odd")}/status`, { status }, mergePatch);
    const read = await storage.client(VirtualServiceKind).read(ref("odd"));
    expect(Object.keys(read.namespacedStatuses?.statuses ?? {})).toEqual(["b"]);
  });

  it("42, 53: of a kind that isn't installed is unavailable, not absent, and the error says what to do", async () => {
    const unknown = { ...UpstreamKind, plural: "unknowns" } as Kind;
    for (const ask of [() => storage.client(unknown).read(ref("a")), () => storage.client(unknown).list()]) {
      const call = ask();
      await expect(call).rejects.toThrow(
        /: 404 page not found; is its CustomResourceDefinition installed\? epoxy crds/,
      );
      await expect(call).rejects.toSatisfy(isUnavailable);
    }
  });

  it("in a namespace that doesn't exist can't be written, and the error says so", async () => {
    const upstream = UpstreamKind.type.codec.fromPartial({ metadata: { namespace: "absent", name: "a" } });
    await expect(storage.client(UpstreamKind).write(upstream)).rejects.toThrow(/namespaces "absent" not found/);
  });
});

it("39, 52: namespaces by label come and go while a watch runs", async () => {
  const label = `team-${namespace}`;
  const [first, second] = [await cluster().namespace({ [label]: "a" }), await cluster().namespace()];
  const selectors = [`${label}=a`, `${label} in (b)`];
  await using chosen = createKubernetesStorage({
    kubeconfig: await cluster().kubeconfig(),
    backoff,
    namespaces: { selectors, also: [namespace] },
  });
  const path = (within: string): string => `/apis/gateway.solo.io/v1/namespaces/${within}/virtualservices`;
  for (const within of [first, second]) await cluster().apiOk("POST", path(within), service("one"));
  const seen = follow(chosen.client(VirtualServiceKind).watch());
  await seen.until(({ items }) => items.has(`${first}/one`));
  expect(seen.items.has(`${second}/one`)).toBe(false);
  expect(seen.items.has(`${namespace}/owned`)).toBe(true);
  const relabel = (name: string, value: string | null) =>
    cluster().apiOk("PATCH", `/api/v1/namespaces/${name}`, { metadata: { labels: { [label]: value } } }, mergePatch);
  await relabel(second, "b");
  await seen.until(({ items }) => items.has(`${second}/one`));
  await relabel(first, null);
  await seen.until(({ items }) => !items.has(`${first}/one`));
  await cluster().apiOk("POST", path(first), service("two"));
  await cluster().apiOk("POST", path(second), service("two"));
  await seen.until(({ items }) => items.has(`${second}/two`));
  expect(seen.items.has(`${first}/two`)).toBe(false);
  const listed = (await chosen.client(VirtualServiceKind).list()).items.map(({ metadata }) => metadata?.namespace);
  expect(new Set(listed)).toEqual(new Set([second, namespace]));
});

describe("a cluster that fails", () => {
  let own: KubeCluster;
  beforeAll(async () => {
    own = await startKubeCluster();
    return () => own.stop();
  }, 120_000);

  it("59: an API server and an etcd that are killed under writes take nothing away, and what came meanwhile arrives", async () => {
    await own.createCrds(generatedCrds(UpstreamKind));
    const within = await own.namespace();
    await using its = createKubernetesStorage({ kubeconfig: await own.kubeconfig(), backoff });
    const upstreams = its.client(UpstreamKind);
    const upstream = (name: string) => UpstreamKind.type.codec.fromPartial({ metadata: { namespace: within, name } });
    for (let i = 0; i < 50; i++) await upstreams.write(upstream(`u-${i}`));
    const seen = follow(upstreams.watch());
    await seen.until(({ items }) => items.size === 50);
    const stop = new AbortController();
    const written = new Set<string>();
    const writing = (async () => {
      for (let i = 0; !stop.signal.aborted; i++) {
        const name = `w-${i}`;
        await upstreams.write(upstream(name)).then(
          () => written.add(name),
          // Not all the time of the machine for what can't be.
          () => new Promise((done) => setTimeout(done, 50)),
        );
      }
    })();
    await waitFor(() => written.size > 20);
    for (const part of ["kube-apiserver", "etcd", undefined] as const) {
      await own.kill(part);
      // An API server without its etcd goes on with its watches, and refuses writes.
      if (part !== "etcd") await waitFor(() => seen.isStale, { timeout: 20_000 });
      expect(seen.items.size).toBeGreaterThanOrEqual(50);
      await own.start();
      const before = written.size;
      await waitFor(() => written.size > before + 5, { timeout: 20_000 });
    }
    stop.abort();
    await writing;
    const isComplete = (): boolean =>
      !seen.isStale && [...written].every((name) => seen.items.has(`${within}/${name}`));
    await waitFor(isComplete, { timeout: 20_000 });
    const removals = seen.events.flatMap((event) => (event.type === "changes" ? event.removed : []));
    expect(removals).toEqual([]);
    expect((await upstreams.list()).items.length).toBe(seen.items.size);
  }, 180_000);

  it("an etcd that comes back without its data takes nothing away, and the error says what to do", async () => {
    const within = await own.namespace();
    await using its = createKubernetesStorage({ kubeconfig: await own.kubeconfig(), backoff, watchTime: 2_000 });
    const artifacts = its.client(ArtifactKind);
    for (const name of ["a", "b"])
      await artifacts.write(Artifact.fromPartial({ metadata: { namespace: within, name } }));
    const seen = follow(artifacts.watch({ namespaces: [within] }));
    await seen.until(({ items }) => items.size === 2);
    const discovered = new Set<string>();
    await using discovery = followCluster({
      client: createKubernetesClient({ kubeconfig: await own.kubeconfig(), watchTime: 2_000 }),
      resource: { group: "", version: "v1", plural: "configmaps", namespaced: true },
      namespaces: [within],
      read: () => true,
      source: {
        apply(edits) {
          for (const [key, value] of edits) {
            if (value === undefined) discovered.delete(key);
            else discovered.add(key);
          }
        },
        markSynced: () => {},
      },
    });
    await waitFor(() => discovered.size === 2);
    await own.kill();
    await rm(join(own.address.folder, "etcd"), { recursive: true });
    await own.start();
    const told = () => seen.events.findLast((event) => event.type === "stale")?.error.message ?? "";
    await waitFor(() => told().includes("came back without"), { timeout: 20_000 });
    expect(told()).toMatch(/without the configmaps of test-\S+ it had .*restart this process to accept the loss/);
    await waitFor(() => discovery.waitingFor().some((text) => text.includes("came back without")));
    expect(discovered.size).toBe(2);
    await own.apiOk("POST", "/api/v1/namespaces", { metadata: { name: within } });
    await own.apiOk("POST", `/api/v1/namespaces/${within}/configmaps`, { metadata: { name: "a" } });
    expect([...seen.items.keys()]).toEqual([`${within}/a`, `${within}/b`]);
    await using restarted = createKubernetesStorage({ kubeconfig: await own.kubeconfig(), backoff });
    const { items } = await restarted.client(ArtifactKind).list({ namespaces: [within] });
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(["a"]);
  }, 60_000);
});
