import { expect, test } from "vitest";
import { UpstreamKind, VirtualServiceKind } from "../../generated/sdk/index.ts";
import { createConsulStorage } from "../../src/storage/consul/index.ts";
import { follow } from "../contracts/support/follow.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

const backoff = { initial: 20, max: 200 };
const key = (kind: string, name: string): string => `/v1/kv/gloo/${kind}/gloo-system/${name}`;
const virtualService = (name: string): string => key("gateway.solo.io/v1/VirtualService", name);
const text = (name: string): string => `metadata: {name: ${name}, namespace: gloo-system}\n`;
const fill = async (consul: RunningConsul, ...names: readonly string[]): Promise<void> => {
  for (const name of names) await consul.api("PUT", virtualService(name), text(name));
};

test("a Consul that comes back empty takes nothing away until an operator accepts the loss by the command that is named", async () => {
  await using consul = await startConsul({ persistent: true });
  await fill(consul, "a", "b");
  await consul.api("PUT", key("gloo.solo.io/v1/Upstream", "u"), text("u"));
  await using storage = createConsulStorage({ address: consul.address, backoff });
  const services = follow(storage.client(VirtualServiceKind).watch());
  const upstreams = follow(storage.client(UpstreamKind).watch());
  await services.sees("gloo-system/a", "gloo-system/b");
  await upstreams.sees("gloo-system/u");

  await consul.kill();
  await consul.start({ wipe: true });
  // Its index soon overtakes the old one; that must not make the loss look like a deletion.
  for (let i = 0; i < 40; i++) await consul.api("PUT", "/v1/kv/other", `${i}`);
  await services.until(({ problems, isStale }) => problems.length === 1 && !isStale);
  await upstreams.until(({ problems }) => problems.length === 1);
  await services.sees("gloo-system/a", "gloo-system/b");
  await upstreams.sees("gloo-system/u");
  const [problem] = services.problems;
  expect(problem?.lastGoodKept).toBe(true);
  expect(problem?.error.message).toMatch(
    /came back without the data it had; 2 of VirtualService that it lost are kept as they were/,
  );

  // What is there is in force meanwhile, and deletions of it, too.
  await fill(consul, "c");
  await services.sees("gloo-system/a", "gloo-system/b", "gloo-system/c");
  await consul.api("DELETE", virtualService("c"));
  await services.sees("gloo-system/a", "gloo-system/b");

  const [, acceptKey, identity] = /consul kv put (\S+) (\S+)$/.exec(problem?.error.message ?? "") ?? [];
  await consul.api("PUT", `/v1/kv/${acceptKey}`, identity);
  await services.sees();
  await upstreams.sees();
  await services.until(({ problems }) => problems.length === 0);
});

test("what is restored is no longer held, and the rest is accepted by acceptReset, also for others", async () => {
  await using consul = await startConsul({ persistent: true });
  await fill(consul, "a", "b");
  await using storage = createConsulStorage({ address: consul.address, backoff });
  const seen = follow(storage.client(VirtualServiceKind).watch());
  await seen.sees("gloo-system/a", "gloo-system/b");
  await consul.kill();
  await consul.start({ wipe: true });
  await seen.until(({ problems }) => problems.length === 1);
  await fill(consul, "a");
  await seen.until(({ problems }) => /; 1 of VirtualService/.test(problems[0]?.error.message ?? ""));
  await using other = createConsulStorage({ address: consul.address });
  await other.acceptReset(new AbortController().signal);
  await seen.sees("gloo-system/a");
  expect(seen.problems).toEqual([]);
});

test("restoring all that was lost needs no word of an operator", async () => {
  await using consul = await startConsul({ persistent: true });
  await fill(consul, "a");
  await using storage = createConsulStorage({ address: consul.address, backoff });
  const seen = follow(storage.client(VirtualServiceKind).watch());
  await seen.sees("gloo-system/a");
  await consul.kill();
  await consul.start({ wipe: true });
  await seen.until(({ problems }) => problems.length === 1);
  await fill(consul, "a");
  await seen.until(({ problems }) => problems.length === 0);
  await consul.api("DELETE", virtualService("a"));
  await seen.sees();
  expect(seen.problems).toEqual([]);
});

test("changes made while Consul was killed or cut off arrive after, deletions of all included", async () => {
  await using consul = await startConsul({ persistent: true });
  await fill(consul, "a", "b");
  await using proxy = await startTcpProxy({ port: consul.port });
  await using storage = createConsulStorage({ address: `127.0.0.1:${proxy.port}`, backoff });
  const seen = follow(storage.client(VirtualServiceKind).watch());
  await seen.sees("gloo-system/a", "gloo-system/b");
  proxy.cut();
  await seen.until(({ isStale }) => isStale);
  await consul.api("DELETE", virtualService("a"));
  await consul.api("DELETE", virtualService("b"));
  proxy.restore();
  await seen.sees();
  await fill(consul, "c");
  await seen.sees("gloo-system/c");
  await consul.kill();
  await seen.until(({ isStale }) => isStale);
  await consul.start();
  await seen.until(({ isStale }) => !isStale);
  await seen.sees("gloo-system/c");
  expect(seen.problems).toEqual([]);
});

test("with the least policy all works; without a right, the error says so instead of showing nothing", async () => {
  await using consul = await startConsul({ acl: true });
  await fill(consul, "a");
  const token = await consul.createToken('key_prefix "gloo/" { policy = "write" }');
  await using storage = createConsulStorage({ address: consul.address, token });
  const services = storage.client(VirtualServiceKind);
  const seen = follow(services.watch());
  await seen.sees("gloo-system/a");
  const stored = await services.read({ namespace: "gloo-system", name: "a" });
  await services.write({ ...stored, displayName: "A" }, { overwrite: true });
  await seen.until(({ items }) => items.get("gloo-system/a")?.displayName === "A");
  await services.delete({ namespace: "gloo-system", name: "a" });
  await seen.sees();

  await using anonymous = createConsulStorage({ address: consul.address, backoff });
  const refused =
    /403 Permission denied; its token lacks a permission: docs\/consul.md prints the policy that is needed/;
  await expect(anonymous.client(VirtualServiceKind).list()).rejects.toThrow(refused);
  const blind = follow(anonymous.client(VirtualServiceKind).watch());
  await blind.until(({ isStale }) => isStale);
  expect(blind.events[0]).toMatchObject({ type: "stale", error: { message: expect.stringMatching(refused) } });

  const readOnly = await consul.createToken('key_prefix "gloo/" { policy = "read" }');
  await using reader = createConsulStorage({ address: consul.address, token: readOnly });
  expect((await reader.client(VirtualServiceKind).list()).items).toEqual([]);
  await expect(
    reader.client(VirtualServiceKind).write({ ...stored, metadata: { ...stored.metadata!, resourceVersion: "" } }),
  ).rejects.toThrow(/refused writing gloo\/gateway.solo.io\/v1\/VirtualService\/gloo-system\/a: 403/);
});

test("a token that loses its rights takes nothing away", async () => {
  await using consul = await startConsul({ acl: true });
  await fill(consul, "a");
  const policy = { Name: "epoxy", Rules: 'key_prefix "gloo/" { policy = "write" }' };
  const { ID } = JSON.parse((await consul.api("PUT", "/v1/acl/policy", policy)).body);
  const token = JSON.parse((await consul.api("PUT", "/v1/acl/token", { Policies: [{ ID }] })).body).SecretID;
  await using storage = createConsulStorage({ address: consul.address, token, backoff, waitTime: 200 });
  const seen = follow(storage.client(VirtualServiceKind).watch());
  await seen.sees("gloo-system/a");
  await consul.api("PUT", `/v1/acl/policy/${ID}`, { ...policy, Rules: 'key_prefix "other/" { policy = "read" }' });
  // A query that is under way still has the right, and may bring the first of these; the next one hasn't.
  await fill(consul, "b");
  await fill(consul, "c");
  await seen.until(({ isStale }) => isStale);
  expect([...seen.items.keys()]).toContain("gloo-system/a");
  await consul.api("PUT", `/v1/acl/policy/${ID}`, policy);
  await seen.sees("gloo-system/a", "gloo-system/b", "gloo-system/c");
  const removals = seen.events.flatMap((event) => (event.type === "changes" ? event.removed : []));
  expect(removals).toEqual([]);
});
