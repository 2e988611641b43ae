import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isInvalid, isUnavailable } from "../../src/errors/index.ts";
import {
  createKubernetesClient,
  type FollowEvent,
  followObjects,
  kubeFailure,
  type KubeObject,
  trackObjects,
} from "../../src/kubernetes/index.ts";
import { startKubeCluster } from "../support/kubernetes/start-cluster.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

const cluster = useKubeCluster();
const configMaps = { group: "", version: "v1", plural: "configmaps", namespaced: true };
const signal = new AbortController().signal;

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

test("objects are created, read, replaced on condition, patched and deleted", async () => {
  await using client = createKubernetesClient({ kubeconfig: await cluster().kubeconfig() });
  const namespace = await cluster().namespace();
  const ref = { namespace, name: "a" };
  expect(await client.get(configMaps, ref, { signal })).toBeUndefined();
  const object: ConfigMap = { metadata: ref, data: { key: "1" } };
  const created = await client.create(configMaps, object, { signal });
  const again = client.create(configMaps, object, { signal });
  await expect(again).rejects.toSatisfy((error) => kubeFailure(error)?.status.reason === "AlreadyExists");
  const replaced = await client.replace(configMaps, { ...created, data: { key: "2" } }, { signal });
  const stale = client.replace(configMaps, { ...created, data: { key: "3" } }, { signal });
  await expect(stale).rejects.toSatisfy((error) => kubeFailure(error)?.httpStatus === 409);
  const patched = await client.patch<ConfigMap>(configMaps, ref, { data: { other: "x" } }, { signal });
  expect(patched.data).toEqual({ key: "2", other: "x" });
  const resourceVersion = replaced.metadata?.resourceVersion;
  await expect(client.delete(configMaps, ref, { signal, resourceVersion })).rejects.toThrow(/409/);
  expect(await client.delete(configMaps, ref, { signal })).toBe(true);
  expect(await client.delete(configMaps, ref, { signal })).toBe(false);
});

test("unknown fields, unknown kinds and wrong credentials are refused in words that help", async () => {
  await using client = createKubernetesClient({ kubeconfig: await cluster().kubeconfig() });
  const namespace = await cluster().namespace();
  const typo = client.create(configMaps, { metadata: { namespace, name: "a" }, dta: {} } as KubeObject, { signal });
  await expect(typo).rejects.toThrow(/refused creating configmaps test-\S+\/a: 400 .*unknown field "dta"/);
  await expect(typo).rejects.toSatisfy(isInvalid);
  const unknown = { group: "example.test", version: "v1", plural: "things", namespaced: true };
  await expect(client.get(unknown, { namespace, name: "a" }, { signal })).rejects.toSatisfy(isUnavailable);
  await using stranger = createKubernetesClient({ kubeconfig: await cluster().kubeconfig({ token: "wrong" }) });
  await expect(stranger.list(configMaps, { namespace }, { signal })).rejects.toThrow(/401.*credentials/);
  await using nowhere = createKubernetesClient({ kubeconfig: "/nowhere/config" });
  await expect(nowhere.namespace()).rejects.toThrow(/no cluster from the kubeconfig \/nowhere\/config: .*KUBECONFIG/);
  const torn = join(cluster().address.folder, "torn");
  await writeFile(torn, "users: [{token: hunter2");
  await using broken = createKubernetesClient({ kubeconfig: torn });
  const asked = broken.namespace();
  await expect(asked).rejects.toThrow(/no cluster from the kubeconfig \S+\/torn: unexpected end .*KUBECONFIG/);
  await expect(asked).rejects.not.toThrow(/hunter2/);
  const kubeconfig = await cluster().kubeconfig();
  await using other = createKubernetesClient({ kubeconfig, context: "other" });
  await expect(other.namespace()).rejects.toThrow(/it has no context other; there are test/);
});

test("calls share connections, which are closed with the client", async () => {
  await using proxy = await startTcpProxy({ port: cluster().address.port });
  const client = createKubernetesClient({ kubeconfig: await cluster().kubeconfig({ port: proxy.port }) });
  for (let i = 0; i < 20; i++) await client.list(configMaps, { namespace: "default" }, { signal });
  expect(proxy.peak()).toBe(1);
  await client.close();
  await waitFor(() => proxy.connections() === 0);
});

test("calls wait for their turn where there is a limit, beyond a burst", async () => {
  const kubeconfig = await cluster().kubeconfig();
  await using client = createKubernetesClient({ kubeconfig, rate: { qps: 20, burst: 3 } });
  const list = (ending = signal) => client.list(configMaps, { namespace: "default" }, { signal: ending });
  const start = performance.now();
  await Promise.all(Array.from({ length: 9 }, () => list()));
  expect(performance.now() - start).toBeGreaterThan(290);
  const ending = new AbortController();
  const waiting = Array.from({ length: 5 }, () => list(ending.signal));
  ending.abort(new Error("enough"));
  for (const call of waiting) await expect(call).rejects.toThrow("enough");
});

test("a list of more than a page is whole", async () => {
  await using client = createKubernetesClient({ kubeconfig: await cluster().kubeconfig() });
  const namespace = await cluster().namespace();
  const names = Array.from({ length: 510 }, (_, i) => `c-${i}`);
  for (let i = 0; i < names.length; i += 30) {
    const some = names.slice(i, i + 30);
    await Promise.all(some.map((name) => client.create(configMaps, { metadata: { namespace, name } }, { signal })));
  }
  const { items } = await client.list(configMaps, { namespace }, { signal });
  expect(new Set(items.map(({ metadata }) => metadata?.name))).toEqual(new Set(names));
});

test("a tracker goes on where a watch ended or was cut, and tells only what is new", async () => {
  await using proxy = await startTcpProxy({ port: cluster().address.port });
  const kubeconfig = await cluster().kubeconfig({ port: proxy.port });
  await using client = createKubernetesClient({ kubeconfig, watchTime: 1_000 });
  const namespace = await cluster().namespace();
  const put = (name: string) =>
    cluster().apiOk("POST", `/api/v1/namespaces/${namespace}/configmaps`, { metadata: { name } });
  await put("a");
  const ending = new AbortController();
  const seen: string[] = [];
  const tracking = (async () => {
    for await (const event of trackObjects(client, configMaps, { namespace }, ending.signal)) {
      const names = (objects: readonly KubeObject[]): string => objects.map(({ metadata }) => metadata?.name).join();
      seen.push(
        event.type === "state" ? `state ${names(event.objects)}` : `${names(event.changed)}|${names(event.deleted)}`,
      );
    }
  })();
  await waitFor(() => seen.length === 1);
  // The server ends the first watch meanwhile.
  const opened = Date.now();
  await waitFor(() => Date.now() - opened > 1_500);
  await put("b");
  await waitFor(() => seen.length === 2);
  proxy.cut();
  proxy.restore();
  await cluster().apiOk("DELETE", `/api/v1/namespaces/${namespace}/configmaps/a`);
  await waitFor(() => seen.length === 3);
  expect(seen).toEqual(["state a", "b|", "|a"]);
  ending.abort();
  await tracking;
});

test("what changed while the cluster was down is in the next state, and a forgotten history is listed anew", async () => {
  await using own = await startKubeCluster();
  await using client = createKubernetesClient({ kubeconfig: await own.kubeconfig() });
  const namespace = await own.namespace();
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  await own.apiOk("POST", path, { metadata: { name: "a" } });
  const events: FollowEvent<KubeObject>[] = [];
  const ending = new AbortController();
  const following = (async () => {
    for await (const event of followObjects(client, configMaps, { namespace }, ending.signal)) events.push(event);
  })();
  await waitFor(() => events.at(-1)?.type === "state");
  await own.kill();
  await waitFor(() => events.at(-1)?.type === "failed");
  await own.start();
  await waitFor(() => events.at(-1)?.type === "state", { timeout: 20_000 });
  expect(events.at(-1)).toMatchObject({ objects: [{ metadata: { name: "a" } }] });
  await own.apiOk("POST", path, { metadata: { name: "b" } });
  await waitFor(() => events.at(-1)?.type === "changes");
  ending.abort();
  await following;
  const old = client.watch(configMaps, { namespace }, "1", { signal });
  await expect(old.next()).rejects.toSatisfy((error) => kubeFailure(error)?.httpStatus === 410);
  const behind: typeof client = {
    ...client,
    // As if the first list had been read long ago.
    async list(...args) {
      const list = await client.list(...args);
      return (isFirst ? { ...list, resourceVersion: "1" } : list) as never;
    },
  };
  let isFirst = true;
  const tracked = trackObjects(behind, configMaps, { namespace }, signal);
  expect((await tracked.next()).value?.type).toBe("state");
  isFirst = false;
  const { value: anew } = await tracked.next();
  expect(anew?.type === "state" && anew.objects.map(({ metadata }) => metadata?.name)).toEqual(["a", "b"]);
  await own.apiOk("POST", path, { metadata: { name: "c" } });
  expect((await tracked.next()).value).toMatchObject({ type: "changes", changed: [{ metadata: { name: "c" } }] });
  await tracked.return();
});

test("a token that is replaced in its file is taken from then on", async () => {
  const own = await cluster().namespace();
  const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list"] }];
  const token = await cluster().serviceAccount({ namespace: own, rules });
  const tokenFile = join(cluster().address.folder, `token-${own}`);
  await writeFile(tokenFile, "expired");
  await using client = createKubernetesClient({ kubeconfig: await cluster().kubeconfig({ tokenFile }) });
  await expect(client.list(configMaps, { namespace: own }, { signal })).rejects.toThrow(/401/);
  await writeFile(tokenFile, `${token}\n`);
  expect((await client.list(configMaps, { namespace: own }, { signal })).items.length).toBe(0);
});
