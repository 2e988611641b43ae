import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  createVirtualServiceClient,
  GatewayKind,
  UpstreamKind,
  VirtualServiceKind,
} from "../../generated/sdk/index.ts";
import { isConflict, isNotFound } from "../../src/errors/index.ts";
import type { Resource } from "../../src/resources/index.ts";
import { type ConsulStorage, createConsulStorage } from "../../src/storage/consul/index.ts";
import type { ListResult } from "../../src/storage/index.ts";
import { follow } from "../contracts/support/follow.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

let consul: RunningConsul;
let storage: ConsulStorage;
beforeAll(async () => {
  consul = await startConsul();
});
afterAll(() => consul.stop());
beforeEach(async () => {
  await consul.api("DELETE", "/v1/kv/gloo?recurse");
  storage = createConsulStorage({ address: consul.address });
  return () => storage.close();
});

const put = (key: string, text: string) => consul.api("PUT", `/v1/kv/${key}`, text);
const get = async (key: string): Promise<string> => (await consul.api("GET", `/v1/kv/${key}?raw`)).body;
const namesOf = ({ items }: ListResult<Resource>): readonly string[] => items.map((item) => item.metadata?.name ?? "");
const textsOf = ({ problems }: ListResult<Resource>): readonly string[] => problems.map(({ error }) => error.message);

const gateway = `
metadata: {name: gateway-proxy, namespace: gloo-system}
bindAddress: '::'
bindPort: 8080
httpGateway: {}
proxyNames: [gateway-proxy]
ssl: false
useProxyProto: false
`;
const namespaceKey = "gloo/gateway.solo.io/v1/Gateway/gloo-system";

test("the Gateway of Gloo's guide, at its namespace's own key, is read, listed, changed in place and deleted", async () => {
  await put(namespaceKey, gateway);
  const gateways = storage.client(GatewayKind);
  const ref = { namespace: "gloo-system", name: "gateway-proxy" };
  const stored = await gateways.read(ref);
  expect(stored.bindPort).toBe(8080);
  expect(namesOf(await gateways.list())).toEqual(["gateway-proxy"]);
  expect(namesOf(await gateways.list({ namespaces: ["gloo-system"] }))).toEqual(["gateway-proxy"]);
  expect(namesOf(await gateways.list({ namespaces: ["gloo"] }))).toEqual([]);
  await gateways.write({ ...stored, bindPort: 8081 }, { overwrite: true });
  expect(await get(namespaceKey)).toContain("bindPort: 8081");
  await expect(gateways.write({ ...stored, bindPort: 8082 }, { overwrite: true })).rejects.toSatisfy(isConflict);
  expect(await get(`${namespaceKey}/gateway-proxy`)).toBe("");
  await gateways.delete(ref);
  await expect(gateways.read(ref)).rejects.toSatisfy(isNotFound);
});

test("a resource at its own key wins over the same at the namespace's key, which is reported", async () => {
  await put(namespaceKey, gateway);
  await put(`${namespaceKey}/gateway-proxy`, gateway.replace("8080", "9090"));
  const listed = await storage.client(GatewayKind).list();
  expect(listed.items.map(({ bindPort }) => bindPort)).toEqual([9090]);
  expect(textsOf(listed)).toEqual([
    `${namespaceKey} holds the same resource as ${namespaceKey}/gateway-proxy, which is used: delete one of them`,
  ]);
});

test("keys that stand for nothing, or for something else than the value says, are reported beside the others", async () => {
  const prefix = "gloo/gloo.solo.io/v1/Upstream";
  await put(`${prefix}/`, "");
  await put(`${prefix}/gloo-system/`, "");
  await put(
    `${prefix}/gloo-system/good`,
    "metadata: {name: good, namespace: gloo-system}\nstatic: {hosts: [{addr: a, port: 1}]}\n",
  );
  await put(`${prefix}/gloo-system/deep/er`, "metadata: {name: er, namespace: deep}\n");
  await put(`${prefix}/gloo-system/empty`, "");
  await put(`${prefix}/gloo-system/other`, "metadata: {name: another, namespace: gloo-system}\n");
  await put(`${prefix}/gloo-system/typo`, "metadata: {name: typo, namespace: gloo-system}\nstatc: {}\n");
  const listed = await storage.client(UpstreamKind).list();
  expect(namesOf(listed)).toEqual(["good"]);
  expect(textsOf(listed)).toEqual([
    `${prefix}/gloo-system/deep/er: not a place for a resource, whose key is ${prefix}/<namespace>/<name>`,
    `${prefix}/gloo-system/empty: the value is empty`,
    `${prefix}/gloo-system/other: metadata says another in namespace gloo-system, but the key stands for other in namespace gloo-system`,
    expect.stringMatching(/typo:2:1.*statc.*static/),
  ]);
  expect(listed.problems.map(({ ref }) => ref?.name)).toEqual([undefined, "empty", "other", "typo"]);
});

test("a status is written into the text that is there, whose comments and order stay", async () => {
  const key = "gloo/gateway.solo.io/v1/VirtualService/gloo-system/default";
  await put(
    key,
    "# mine\nvirtualHost:\n  domains: ['*'] # all\nmetadata:\n  name: default\n  namespace: gloo-system\n",
  );
  const services = createVirtualServiceClient(storage);
  const status = {
    state: 1,
    reason: "",
    reportedBy: "gateway",
    subresourceStatuses: {},
    details: undefined,
    messages: [],
  } as const;
  const ref = { namespace: "gloo-system", name: "default" };
  expect(await services.writeStatus(ref, "gloo-system", status)).toBe(true);
  const text = await get(key);
  expect(text).toMatch(/^# mine\nvirtualHost:\n {2}domains: \['\*'\] # all\nmetadata:\n {2}name: default\n/);
  expect(text).toMatch(/state: Accepted/);
  expect(await services.writeStatus(ref, "gloo-system", status)).toBe(false);
});

const key = (name: string): string => `gloo/gateway.solo.io/v1/VirtualService/gloo-system/${name}`;
const text = (name: string): string =>
  `metadata: {name: ${name}, namespace: gloo-system}\nvirtualHost: {domains: ['${name}']}\n`;

test("watches of one kind share a blocking query, and only what moved is decoded", async () => {
  await using proxy = await startTcpProxy({ port: consul.port });
  await using counted = createConsulStorage({ address: `127.0.0.1:${proxy.port}` });
  for (const name of ["a", "b"]) await put(key(name), text(name));
  const stop = new AbortController();
  const watch = () => follow(counted.client(VirtualServiceKind).watch({ signal: stop.signal }));
  const followers = Array.from({ length: 20 }, watch);
  await Promise.all(followers.map((follower) => follower.sees("gloo-system/a", "gloo-system/b")));
  const [first] = followers;
  const before = first?.items.get("gloo-system/a");
  await put(key("b"), text("b").replace("['b']", "['c']"));
  await Promise.all(
    followers.map((f) => f.until(({ items }) => items.get("gloo-system/b")?.virtualHost?.domains[0] === "c")),
  );
  expect(first?.items.get("gloo-system/a")).toBe(before);
  // Beside the blocking query there are those of the first readings, kept for later.
  expect(proxy.peak()).toBeLessThanOrEqual(4);
  const late = watch();
  await late.sees("gloo-system/a", "gloo-system/b");
  stop.abort();
  await waitFor(() => proxy.connections() <= 3);
});
