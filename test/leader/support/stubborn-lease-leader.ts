import { setTimeout as sleep } from "node:timers/promises";
import { createKubernetesClient } from "../../../src/kubernetes/index.ts";
import { leaseElection } from "../../../src/leader/index.ts";

/**
 * A process that, once it leads, decides on what it read, and writes a moment later without another look at whether it leads still: as a write does
 * that was under way when the process was stopped.
 */
const [kubeconfig = "", namespace = "", ttl = "1"] = process.argv.slice(2);
const { signal } = new AbortController();
const client = createKubernetesClient({ kubeconfig });
const election = leaseElection({ client, namespace, name: "leader", identity: "stubborn", ttl: Number(ttl) });
const configMaps = { group: "", version: "v1", plural: "configmaps", namespaced: true };
void election.campaign(signal);
while (!election.isLeader) await sleep(10);
for (;;) {
  try {
    const read = await client.get(configMaps, { namespace, name: "data" }, { signal });
    election.guard();
    await sleep(50);
    await client.replace(configMaps, { ...read, data: { by: "stubborn" } } as never, { signal });
    process.stdout.write("written\n");
  } catch {
    process.stdout.write("refused\n");
    await sleep(20);
  }
}
