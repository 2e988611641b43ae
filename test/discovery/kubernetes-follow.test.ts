import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { createGraph } from "../../src/collections/index.ts";
import { followCluster, readService, type Service } from "../../src/discovery/index.ts";
import { createKubernetesClient } from "../../src/kubernetes/index.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { waitFor } from "../support/wait-for.ts";

const cluster = useKubeCluster();
const services = { group: "", version: "v1", plural: "services", namespaced: true };

test("services of namespaces with a label come and go with it, and one that can't be read harms no other", async () => {
  const { apiOk, namespace, kubeconfig } = cluster();
  const team = randomUUID();
  const [own, other] = [await namespace({ team }), await namespace()];
  const create = (where: string, name: string) =>
    apiOk("POST", `/api/v1/namespaces/${where}/services`, { metadata: { name }, spec: { ports: [{ port: 80 }] } });
  await create(own, "pets");
  await create(own, "bad");
  await create(other, "cats");
  await using client = createKubernetesClient({ kubeconfig: await kubeconfig() });
  const graph = createGraph();
  const source = graph.source<Service>("services");
  await using followed = followCluster({
    client,
    resource: services,
    namespaces: { selectors: [`team=${team}`], also: [] },
    source,
    read(object: Parameters<typeof readService>[0]) {
      if (object.metadata?.name === "bad") throw new Error("no service that anybody could read");
      return readService(object);
    },
  });
  await waitFor(() => source.synced);
  expect(source.keys()).toEqual([`${own}/pets`]);
  expect(followed.waitingFor()).toEqual([`services ${own}/bad can't be read: no service that anybody could read`]);

  const label = (name: string, value: string | null) =>
    apiOk(
      "PATCH",
      `/api/v1/namespaces/${name}`,
      { metadata: { labels: { team: value } } },
      {
        contentType: "application/merge-patch+json",
      },
    );
  await label(other, team);
  await waitFor(() => source.has(`${other}/cats`));
  await label(own, null);
  await waitFor(() => !source.has(`${own}/pets`));
  expect(source.keys()).toEqual([`${other}/cats`]);
});
