import { expect, test } from "vitest";
import { startKubeCluster } from "./kubernetes/start-cluster.ts";
import { useKubeCluster } from "./kubernetes/use-cluster.ts";

const cluster = useKubeCluster();

test("a service account may do what its rules say and nothing else", async () => {
  const { namespace, serviceAccount, api } = cluster();
  const own = await namespace();
  const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list"] }];
  const token = await serviceAccount({ namespace: own, rules });
  const configMaps = (name: string): string => `/api/v1/namespaces/${name}/configmaps`;
  expect((await api("GET", configMaps(own), undefined, { token })).status).toBe(200);
  expect((await api("GET", configMaps("default"), undefined, { token })).status).toBe(403);
  expect((await api("POST", configMaps(own), { metadata: { name: "a" } }, { token })).status).toBe(403);
  expect((await api("GET", configMaps(own), undefined, { token: "wrong" })).status).toBe(401);
});

test("a cluster whose parts were killed has its objects after a restart", async () => {
  await using own = await startKubeCluster();
  const name = await own.namespace();
  await own.kill("etcd");
  await own.kill();
  await expect(own.api("GET", "/readyz")).rejects.toThrow(/ECONNREFUSED/);
  await own.start();
  expect((await own.api("GET", `/api/v1/namespaces/${name}`)).status).toBe(200);
});
