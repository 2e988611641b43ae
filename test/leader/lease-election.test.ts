import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { UpstreamKind } from "../../generated/sdk/index.ts";
import { isUnavailable } from "../../src/errors/index.ts";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/index.ts";
import { type LeaseElection, leaseElection } from "../../src/leader/index.ts";
import { createKubernetesStorage } from "../../src/storage/kubernetes/index.ts";
import { startChild } from "../support/child.ts";
import { generatedCrds } from "../support/kubernetes/crds.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

const { signal } = new AbortController();
const cluster = useKubeCluster();
let client: KubernetesClient;
beforeAll(async () => {
  client = createKubernetesClient({ kubeconfig: await cluster().kubeconfig() });
  return () => client.close();
});

const candidate = (namespace: string, identity: string, ttl = 2, through = client): LeaseElection => {
  const election = leaseElection({ client: through, namespace, name: "leader", identity, ttl });
  void election.campaign(signal);
  return election;
};
const configMaps = { group: "", version: "v1", plural: "configmaps", namespaced: true };

describe("an election by a Lease", () => {
  it("has one leader among many, who hands over at once when it ends", async () => {
    const namespace = await cluster().namespace();
    const all = ["a", "b", "c"].map((identity) => candidate(namespace, identity, 10));
    const first = await waitFor(() => all.find(({ isLeader }) => isLeader));
    expect(all.filter(({ isLeader }) => isLeader)).toEqual([first]);
    const rest = all.filter((election) => election !== first);
    const heard: boolean[] = [];
    first.onChange((isLeader) => heard.push(isLeader));
    const ended = performance.now();
    await first.close();
    expect(first.isLeader).toBe(false);
    expect(heard).toEqual([true, false]);
    await waitFor(() => rest.some(({ isLeader }) => isLeader));
    expect(performance.now() - ended).toBeLessThan(3_000);
    expect(rest.filter(({ isLeader }) => isLeader)).toHaveLength(1);
    await Promise.all(rest.map((election) => election.close()));
  });

  it("has a new leader within the TTL of the old one's last sign of life; the old one, stopped and continued, changes nothing", async () => {
    const namespace = await cluster().namespace();
    const data = { namespace, name: "data" };
    await client.create(configMaps, { metadata: data }, { signal });
    const script = join(import.meta.dirname, "support/stubborn-lease-leader.ts");
    const old = startChild("node", [script, await cluster().kubeconfig(), namespace, "3"]);
    await waitFor(() => old.output().includes("written"), { timeout: 20_000 });
    await using next = candidate(namespace, "next", 3);
    await waitFor(async () => (await client.get(configMaps, data, { signal })) !== undefined);
    expect(next.isLeader).toBe(false);
    process.kill(old.pid, "SIGSTOP");
    const stopped = performance.now();
    await waitFor(() => next.isLeader, { timeout: 15_000 });
    expect(performance.now() - stopped).toBeLessThan(4_500);
    const read = await client.get(configMaps, data, { signal });
    next.guard();
    const mine = await client.replace(configMaps, { ...read, data: { by: "next" } } as never, { signal });
    const before = old.output().split("refused").length;
    process.kill(old.pid, "SIGCONT");
    await waitFor(() => old.output().split("refused").length > before + 5);
    expect(await client.get(configMaps, data, { signal })).toEqual(mine);
    expect(next.isLeader).toBe(true);
    await old.kill();
  });

  it("keeps a write of discovery that was under way from changing what the next leader has touched", async () => {
    await cluster().createCrds(generatedCrds(UpstreamKind));
    const namespace = await cluster().namespace();
    const services = `/api/v1/namespaces/${namespace}/services`;
    await cluster().apiOk("POST", services, { metadata: { name: "pets" }, spec: { ports: [{ port: 80 }] } });
    const upstream = `/apis/gloo.solo.io/v1/namespaces/${namespace}/upstreams/${namespace}-pets-80`;
    const script = join(import.meta.dirname, "support/stubborn-discovery.ts");
    await using old = startChild("node", [script, await cluster().kubeconfig(), namespace, "1"]);
    await waitFor(async () => (await cluster().api("GET", upstream)).status === 200, { timeout: 20_000 });
    const patch = (path: string, body: object) =>
      cluster().apiOk("PATCH", path, body, { contentType: "application/merge-patch+json" });
    await patch(`${services}/pets`, { metadata: { labels: { team: "old" } } });
    await waitFor(() => old.output().includes("writing"), { interval: 5 });
    process.kill(old.pid, "SIGSTOP");
    await using next = candidate(namespace, "next", 1);
    await waitFor(() => next.isLeader, { timeout: 15_000 });
    const mine = await patch(upstream, { spec: { discoveryMetadata: { labels: { team: "next" } } } });
    process.kill(old.pid, "SIGCONT");
    // The write that was under way, by the version that it was decided on; then those that it would like to make.
    await waitFor(() => /refused: .*409/.test(old.output()));
    await waitFor(() => old.output().includes("doesn't hold the Lease"));
    expect(await cluster().apiOk("GET", upstream)).toEqual(mine);
    await old.kill();
  });

  it("gives up before the TTL is over when the API server can't be reached, and leads again when it can", async () => {
    const namespace = await cluster().namespace();
    await using proxy = await startTcpProxy({ port: cluster().address.port });
    await using through = createKubernetesClient({ kubeconfig: await cluster().kubeconfig({ port: proxy.port }) });
    await using election = candidate(namespace, "a", 2, through);
    await waitFor(() => election.isLeader);
    const cut = performance.now();
    proxy.cut();
    await waitFor(() => !election.isLeader);
    expect(performance.now() - cut).toBeLessThan(2_100);
    expect(() => election.guard()).toThrow(/doesn't hold the Lease test-\S+\/leader/);
    await waitFor(() => election.state.problem !== undefined);
    proxy.restore();
    await waitFor(() => election.isLeader && election.state.problem === undefined);
  });

  it("says what right is missing", async () => {
    const namespace = await cluster().namespace();
    const token = await cluster().serviceAccount({ namespace });
    await using weak = createKubernetesClient({ kubeconfig: await cluster().kubeconfig({ token }) });
    await using election = candidate(namespace, "weak", 2, weak);
    await waitFor(() => election.state.problem?.includes('cannot list resource "leases"'));
    expect(election.isLeader).toBe(false);
  });

  it("guards all writes of a storage", async () => {
    await cluster().createCrds(generatedCrds(UpstreamKind));
    const namespace = await cluster().namespace();
    const election = candidate(namespace, "a");
    await waitFor(() => election.isLeader);
    await using storage = createKubernetesStorage({ client, guard: election.guard });
    const upstreams = storage.client(UpstreamKind);
    const stored = await upstreams.write(Upstream.fromPartial({ metadata: { namespace, name: "a" } }));
    await election.close();
    const ref = { namespace, name: "a" };
    const status = {
      state: 1,
      reason: "",
      reportedBy: "x",
      subresourceStatuses: {},
      details: undefined,
      messages: [],
    } as const;
    for (const outcome of await Promise.allSettled([
      upstreams.write(Upstream.fromPartial({ metadata: { namespace, name: "b" } })),
      upstreams.write({ ...stored, discoveryMetadata: { labels: { a: "b" } } }, { overwrite: true }),
      upstreams.writeStatus(ref, "gloo-system", status),
      upstreams.delete(ref),
    ])) {
      expect(outcome).toMatchObject({ status: "rejected" });
      expect(isUnavailable((outcome as PromiseRejectedResult).reason)).toBe(true);
    }
    expect(await upstreams.read(ref)).toEqual(stored);
  });
});
