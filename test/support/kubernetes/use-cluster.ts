import { request } from "node:http";
import { beforeAll, inject } from "vitest";
import { clusterAccess, type KubeAccess, type KubeAddress } from "./cluster-access.ts";

/** Building the API server on a machine that has never done so. */
const COLD_TIMEOUT = 25 * 60_000;

/**
 * The cluster that all test files of a run share, from the first hook on. Tests take a namespace of their own, and must not break the
 * cluster: those that do so start their own with `startKubeCluster`.
 */
export function useKubeCluster(): () => KubeAccess {
  let access: KubeAccess | undefined;
  beforeAll(async () => {
    access = clusterAccess(await askFor(inject("kubeClusterUrl")));
  }, COLD_TIMEOUT);
  return () => {
    if (access === undefined) throw new Error("the cluster is there from the first hook on, not before");
    return access;
  };
}

/** Not by fetch, which gives up after 5 minutes. */
function askFor(url: string): Promise<KubeAddress> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent: false }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      incoming.once("end", () => (incoming.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text))));
    });
    outgoing.once("error", reject);
    outgoing.end();
  });
}
