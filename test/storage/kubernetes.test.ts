import { beforeAll } from "vitest";
import { parse } from "yaml";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/index.ts";
import { createKubernetesStorage } from "../../src/storage/kubernetes/index.ts";
import { type StorageFixture, storageContract } from "../contracts/storage.contract.ts";
import { GadgetKind, TerritoryKind, WidgetKind } from "../contracts/support/kinds.ts";
import { contractCrds } from "../support/kubernetes/crds.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

interface KubernetesFixture extends StorageFixture {
  readonly proxy: TcpProxy;
}

const cluster = useKubeCluster();
const namespaces = ["ns-1", "ns-2", "foo", "foobar", "bar", "a", "b", "c", "d", "a-b"];
const backoff = { initial: 20, max: 200 };
const signal = new AbortController().signal;
let client: KubernetesClient;

beforeAll(async () => {
  const { createCrds, api, kubeconfig } = cluster();
  await createCrds(contractCrds);
  client = createKubernetesClient({ kubeconfig: await kubeconfig() });
  for (const name of namespaces) await api("POST", "/api/v1/namespaces", { metadata: { name } });
  return () => client.close();
}, 120_000);

/** There is one cluster: each test finds it empty of its kinds. */
async function clear(): Promise<void> {
  for (const { group, version, plural, scope } of [WidgetKind, GadgetKind, TerritoryKind]) {
    const resource = { group, version, plural, namespaced: scope === "namespaced" };
    const { items } = await client.list(resource, {}, { signal });
    for (const { metadata } of items)
      await client.delete(resource, { namespace: metadata?.namespace, name: metadata?.name ?? "" }, { signal });
  }
}

storageContract<KubernetesFixture>("Kubernetes", {
  holdsJson: true,
  tellsWhenSeen: true,
  async open() {
    await clear();
    const proxy = await startTcpProxy({ port: cluster().address.port });
    const storage = createKubernetesStorage({ kubeconfig: await cluster().kubeconfig({ port: proxy.port }), backoff });
    return {
      storage,
      proxy,
      async dispose() {
        await storage.close();
        await proxy.close();
      },
    };
  },
  another: async () => createKubernetesStorage({ client }),
  async putRaw(_, kind, { namespace, name }, text) {
    const resource = { group: kind.group, version: kind.version, plural: kind.plural, namespaced: true };
    const value = /^text: \[1?$/m.test(text) ? { text: 1 } : parse(text);
    const { apiVersion: _a, kind: _k, metadata, status, ...fields } = value;
    const stored = await client.get(resource, { namespace, name }, { signal });
    const object = {
      apiVersion: `${kind.group}/${kind.version}`,
      kind: kind.kind,
      metadata: { ...metadata, namespace, name, ...(stored && { resourceVersion: stored.metadata?.resourceVersion }) },
      spec: "spec" in fields ? fields.spec : fields,
    };
    await (stored === undefined
      ? client.create(resource, object, { signal })
      : client.replace(resource, object, { signal }));
    if (status !== undefined)
      await client.patch(resource, { namespace, name }, { status }, { signal, subresource: "status" });
  },
  async interrupt({ proxy }) {
    proxy.cut();
    return async () => proxy.restore();
  },
});
