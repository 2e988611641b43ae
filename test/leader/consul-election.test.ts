import { join } from "node:path";
import { Status } from "../../generated/proto/epoxy/core/v1/status.ts";
import { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { UpstreamKind } from "../../generated/sdk/index.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ConsulClient, createConsulClient } from "../../src/consul/index.ts";
import { errorCode } from "../../src/errors/index.ts";
import { type ConsulElection, consulElection } from "../../src/leader/index.ts";
import { createConsulStorage } from "../../src/storage/consul/index.ts";
import { startChild } from "../support/child.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

/*
 * 10 s is the least TTL that Consul takes, and a silent leader is succeeded after that: tests that wait for it run side by side.
 */

const { signal } = new AbortController();

describe.concurrent("an election by Consul", () => {
  let consul: RunningConsul;
  let client: ConsulClient;
  let keys = 0;
  const newKey = (): string => `root/.epoxy/leader/${++keys}`;
  const candidate = (key: string, identity: string, through = client): ConsulElection => {
    const election = consulElection({ client: through, key, identity });
    void election.campaign(signal);
    return election;
  };
  const modifyIndex = async (key: string): Promise<number | undefined> =>
    (await client.kvRead(key, { signal, consistency: "consistent" })).value?.modifyIndex;

  beforeAll(async () => {
    consul = await startConsul();
    client = createConsulClient({ address: consul.address });
  });
  afterAll(async () => {
    await client?.close();
    await consul?.stop();
  });

  it("has one leader among many, who hands over at once when it ends", async () => {
    const key = newKey();
    const all = ["a", "b", "c"].map((identity) => candidate(key, identity));
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
    await Promise.all(rest.map((election) => election.close()));
  });

  it("lets a guard stop a write of one who has lost the lock, in the write's own transaction", async () => {
    const key = newKey();
    await using leader = candidate(key, "a");
    await waitFor(() => leader.isLeader);
    const guard = leader.guard();
    const index = await client.kvPut(`${key}-data`, "one", 0, { signal, guard });
    expect(index).toBe(await modifyIndex(`${key}-data`));
    await client.sessions.destroy(guard.session, { signal });
    for (const outcome of await Promise.allSettled([
      client.kvPut(`${key}-data`, "two", index ?? -1, { signal, guard }),
      client.kvDelete(`${key}-data`, index ?? -1, { signal, guard }),
    ])) {
      const error = outcome.status === "rejected" ? outcome.reason : undefined;
      expect(errorCode(error)).toBe("unavailable");
      expect(String(error)).toContain(`doesn't hold the lock ${key}`);
    }
    expect(await modifyIndex(`${key}-data`)).toBe(index);
    // Its session is gone, not its wish to lead.
    await waitFor(() => leader.isLeader && leader.guard().session !== guard.session);
  });

  it("guards all writes of a storage: a resource, its status, its deletion", async () => {
    const key = newKey();
    await using leader = candidate(key, "a");
    await waitFor(() => leader.isLeader);
    const held = leader.guard();
    const rootKey = `guarded-${key.replaceAll("/", "-")}`;
    await using storage = createConsulStorage({ client, rootKey, guard: () => held });
    await using open = createConsulStorage({ client, rootKey });
    const upstreams = storage.client(UpstreamKind);
    const ref = { namespace: "gloo-system", name: "a" };
    const stored = await upstreams.write(Upstream.fromPartial({ metadata: ref }));
    expect(await upstreams.writeStatus(ref, "gloo-system", Status.fromPartial({ state: 1 }))).toBe(true);
    await client.sessions.destroy(held.session, { signal });
    const before = await open.client(UpstreamKind).read(ref);
    const writes = [
      upstreams.write(Upstream.fromPartial({ metadata: { ...ref, name: "b" } })),
      upstreams.write({ ...before, discoveryMetadata: { labels: { a: "b" } } }, { overwrite: true }),
      upstreams.writeStatus(ref, "gloo-system", Status.fromPartial({ state: 2 })),
      upstreams.delete(ref),
    ];
    for (const outcome of await Promise.allSettled(writes)) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
    }
    expect((await open.client(UpstreamKind).list()).items).toEqual([before]);
    expect(before.metadata?.resourceVersion).not.toBe(stored.metadata?.resourceVersion);
  });

  it("waits out a lock delay", async () => {
    const key = newKey();
    const session = await client.sessions.create({ name: "other", ttl: 10, lockDelay: 2 }, { signal });
    expect(await client.sessions.acquire({ key, session }, "other", { signal })).toBe(true);
    await using follower = candidate(key, "a");
    const since = performance.now();
    await client.sessions.destroy(session, { signal });
    await waitFor(() => follower.isLeader, { timeout: 6_000 });
    expect(performance.now() - since).toBeGreaterThan(1_000);
  });

  it("has a new leader within the TTL of the old one's last sign of life; the old one, stopped and continued, changes nothing", async () => {
    const key = newKey();
    const data = `${key}-data`;
    const old = startChild("node", [
      join(import.meta.dirname, "support/stubborn-leader.ts"),
      consul.address,
      key,
      data,
    ]);
    await waitFor(() => old.output().includes("written"), { timeout: 20_000 });
    await using next = candidate(key, "next");
    await waitFor(() => next.state.problem === undefined);
    expect(next.isLeader).toBe(false);
    process.kill(old.pid, "SIGSTOP");
    const stopped = performance.now();
    await waitFor(() => next.isLeader, { timeout: 25_000 });
    // The TTL, and the moment that it takes to end the old one's session and to take its lock.
    expect(performance.now() - stopped).toBeLessThan(12_500);
    const { value } = await client.kvRead(data, { signal, consistency: "consistent" });
    const mine = await client.kvPut(data, "next", value?.modifyIndex ?? 0, { signal, guard: next.guard() });
    expect(mine).toBeDefined();
    process.kill(old.pid, "SIGCONT");
    const before = old.output().split("refused").length;
    await waitFor(() => old.output().split("refused").length > before + 5);
    expect(await modifyIndex(data)).toBe(mine);
    expect(next.isLeader).toBe(true);
    await old.kill();
  }, 60_000);

  it("gives up before the TTL is over when Consul can't be reached, and leads again when it can", async () => {
    const key = newKey();
    await using proxy = await startTcpProxy({ port: consul.port });
    await using through = createConsulClient({ address: `127.0.0.1:${proxy.port}` });
    await using leader = candidate(key, "a", through);
    await waitFor(() => leader.isLeader);
    proxy.cut();
    const cut = performance.now();
    await waitFor(() => !leader.isLeader, { timeout: 12_000 });
    expect(performance.now() - cut).toBeLessThan(10_500);
    expect(() => leader.guard()).toThrow(/doesn't hold the lock/);
    expect(leader.state.problem).toMatch(/Consul at .* doesn't answer/);
    proxy.restore();
    await waitFor(() => leader.isLeader, { timeout: 15_000 });
    expect(leader.state.problem).toBeUndefined();
  }, 60_000);
});

describe("an election by a Consul with ACLs", () => {
  it("says which permission is missing, and is held with the policy of docs/consul.md", async () => {
    await using consul = await startConsul({ acl: true });
    const problems: (string | undefined)[] = [];
    const open = async (rules: string): Promise<ConsulClient> =>
      createConsulClient({ address: consul.address, token: await consul.createToken(rules) });
    await using poor = await open('key_prefix "root/" { policy = "write" }');
    await using barred = consulElection({
      client: poor,
      key: "root/.epoxy/leader",
      identity: "a",
      onProblem: (problem) => problems.push(problem),
    });
    void barred.campaign(signal);
    const problem = await waitFor(() => problems[0]);
    expect(problem).toMatch(/refused a new session: 403 .*docs\/consul\.md/);
    await using rich = await open('key_prefix "root/" { policy = "write" } session_prefix "" { policy = "write" }');
    await using elected = consulElection({ client: rich, key: "root/.epoxy/leader", identity: "b" });
    void elected.campaign(signal);
    await waitFor(() => elected.isLeader);
  }, 60_000);
});
