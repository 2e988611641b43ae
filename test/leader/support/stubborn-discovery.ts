import { setTimeout as sleep } from "node:timers/promises";
import { UpstreamKind } from "../../../generated/sdk/index.ts";
import { createGraph } from "../../../src/collections/index.ts";
import {
  createKubernetesUpstreamDiscovery,
  followCluster,
  readService,
  type Service,
} from "../../../src/discovery/index.ts";
import { kubernetesUpstreamName } from "../../../src/envoy/index.ts";
import { createKubernetesClient, type KubernetesClient } from "../../../src/kubernetes/index.ts";
import { leaseElection } from "../../../src/leader/index.ts";
import { fromWatch } from "../../../src/snapshot/index.ts";
import { createKubernetesStorage } from "../../../src/storage/kubernetes/index.ts";

/**
 * Discovers Upstreams while it leads. Its writes leave half a second after they were allowed, as one does that was under way when the process
 * was stopped.
 */
const [kubeconfig = "", namespace = "", ttl = "1"] = process.argv.slice(2);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const client = createKubernetesClient({ kubeconfig });
const slow: KubernetesClient = {
  ...client,
  async replace(...args) {
    say("writing");
    await sleep(500);
    try {
      return (await client.replace(...args)) as never;
    } catch (error) {
      say(`refused: ${(error as Error).message}`);
      throw error;
    }
  },
};
const election = leaseElection({ client, namespace, name: "leader", identity: "stubborn", ttl: Number(ttl) });
void election.campaign(new AbortController().signal);
while (!election.isLeader) await sleep(10);
const graph = createGraph();
const services = graph.source<Service>("services");
const resource = { group: "", version: "v1", plural: "services", namespaced: true };
followCluster({ client, resource, namespaces: [namespace], source: services, read: readService });
const upstreams = createKubernetesStorage({ client: slow, guard: election.guard }).client(UpstreamKind);
createKubernetesUpstreamDiscovery({
  services,
  stored: fromWatch(graph, "upstreams", upstreams, { namespaces: [namespace] }),
  upstreams,
  namespace,
  onProblem: (line) => say(`told: ${line}`),
  nameOf: kubernetesUpstreamName,
});
