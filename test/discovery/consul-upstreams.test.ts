import { afterAll, beforeAll, expect, test } from "vitest";
import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { UpstreamKind } from "../../generated/sdk/index.ts";
import { createConsulClient } from "../../src/consul/index.ts";
import { createConsulUpstreamDiscovery, type Discovery } from "../../src/discovery/index.ts";
import { createConsulStorage } from "../../src/storage/consul/index.ts";
import { createMemoryStorage, type ResourceClient } from "../../src/storage/index.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { waitFor } from "../support/wait-for.ts";

let consul: RunningConsul;
beforeAll(async () => {
  consul = await startConsul();
});
afterAll(() => consul.stop());

interface Run extends AsyncDisposable {
  readonly discovery: Discovery;
  readonly upstreams: ResourceClient<Upstream>;
}

function run(address: string, options: object = {}, upstreams = createMemoryStorage().client(UpstreamKind)): Run {
  const client = createConsulClient({ address });
  const discovery = createConsulUpstreamDiscovery({ client, upstreams, namespace: "gloo-system", ...options });
  const close = async (): Promise<void> => {
    await discovery.close();
    await client.close();
  };
  return { discovery, upstreams, [Symbol.asyncDispose]: close };
}

const ref = (name: string) => ({ namespace: "gloo-system", name });
const namesIn = async (upstreams: ResourceClient<Upstream>): Promise<string> =>
  (await upstreams.list()).items.map(({ metadata }) => metadata?.name).join();

test("a service becomes an Upstream that is Gloo's, follows its tags, keeps what users add, and goes with the service", async () => {
  await consul.register({ Name: "petstore", ID: "petstore1", Address: "10.0.0.1", Port: 8080, Tags: ["b", "a"] });
  await using running = run(consul.address);
  const { upstreams } = running;
  const found = await waitFor(() => upstreams.read(ref("petstore")));
  expect(found.metadata?.labels).toEqual({ discovered_by: "consulplugin" });
  expect(found.upstreamType).toMatchObject({
    $case: "consul",
    value: { serviceName: "petstore", serviceTags: ["a", "b"], dataCenters: ["dc1"] },
  });
  expect(await namesIn(upstreams)).toBe("consul,petstore");
  expect(running.discovery.waitingFor()).toEqual([]);

  const added = {
    useHttp2: true,
    metadata: { ...found.metadata!, labels: { ...found.metadata?.labels, team: "pets" } },
  };
  await upstreams.write({ ...found, ...added }, { overwrite: true });
  await consul.register({ Name: "petstore", ID: "petstore2", Address: "10.0.0.2", Port: 8080, Tags: ["c"] });
  const edited = await waitFor(async () => {
    const now = await upstreams.read(ref("petstore"));
    return now.upstreamType?.$case === "consul" && now.upstreamType.value.serviceTags.includes("c") && now;
  });
  expect(edited).toMatchObject({
    useHttp2: true,
    metadata: { labels: { team: "pets", discovered_by: "consulplugin" } },
  });

  await consul.deregister("petstore1");
  await consul.deregister("petstore2");
  await waitFor(async () => (await namesIn(upstreams)) === "consul", { timeout: 1_000 });
});

test("an Upstream of the same name that someone wrote is not touched, and the clash is told", async () => {
  await consul.register({ Name: "mine", Address: "10.0.0.1", Port: 1 });
  const upstreams = createMemoryStorage().client(UpstreamKind);
  const metadata = { ...UpstreamKind.type.codec.fromPartial({ metadata: ref("mine") }).metadata! };
  const written = await upstreams.write(
    UpstreamKind.type.codec.fromPartial({ metadata, upstreamType: { $case: "static", value: {} } }),
  );
  await using running = run(consul.address, {}, upstreams);
  await waitFor(() => upstreams.read(ref("consul")));
  await waitFor(() =>
    running.discovery
      .waitingFor()
      .some((line) => /Upstream gloo-system\.mine exists and belongs to someone else/.test(line)),
  );
  expect(await upstreams.read(ref("mine"))).toEqual(written);
  await consul.deregister("mine");
});

test("names that resources can't have are changed without two becoming one, and an allow-list of tags holds", async () => {
  for (const Name of ["My_Service", "my.service"])
    await consul.register({ Name, Address: "10.0.0.1", Port: 1, Tags: ["public"] });
  await using running = run(consul.address, { serviceTagsAllowlist: ["public", "other"] });
  await waitFor(async () => (await namesIn(running.upstreams)) !== "");
  const { items } = await running.upstreams.list();
  const services = items.map(({ upstreamType }) =>
    upstreamType?.$case === "consul" ? upstreamType.value.serviceName : "",
  );
  expect(new Set(services)).toEqual(new Set(["My_Service", "my.service"]));
  for (const { metadata } of items) expect(metadata?.name).toMatch(/^my-service-[0-9a-f]{8}$/);
  for (const Name of ["My_Service", "my.service"]) await consul.deregister(Name);
});

test("Upstreams stay while Consul is away, and when it comes back without its services", async () => {
  await using own = await startConsul({ persistent: true });
  await own.register({ Name: "app", Address: "10.0.0.1", Port: 1 });
  await using running = run(own.address);
  await waitFor(async () => (await namesIn(running.upstreams)) === "app,consul");
  await own.kill();
  await waitFor(() => running.discovery.waitingFor().length > 0);
  await own.start({ wipe: true });
  const accept = await waitFor(() => running.discovery.waitingFor().find((line) => line.includes("consul kv put")));
  await own.register({ Name: "new", Address: "10.0.0.1", Port: 1 });
  await waitFor(async () => (await namesIn(running.upstreams)) === "app,consul,new");
  const [, key, identity] = /consul kv put (\S+) (\S+)$/.exec(accept) ?? [];
  await own.api("PUT", `/v1/kv/${key}`, identity);
  await waitFor(async () => (await namesIn(running.upstreams)) === "consul,new");
  expect(running.discovery.waitingFor()).toEqual([]);
});

test("a datacenter that doesn't answer holds up no other, and keeps the Upstreams that tell of it", async () => {
  await consul.register({ Name: "near", Address: "10.0.0.1", Port: 1 });
  const upstreams = createMemoryStorage().client(UpstreamKind);
  for (const [name, dataCenters] of Object.entries({ far: ["dc2"], gone: ["dc1"], both: ["dc1", "dc2"] })) {
    const metadata = { ...ref(name), labels: { discovered_by: "consulplugin" } };
    const upstreamType = { $case: "consul", value: { serviceName: name, dataCenters } };
    await upstreams.write(UpstreamKind.type.codec.fromPartial({ metadata, upstreamType }));
  }
  await using running = run(consul.address, { dataCenters: ["dc1", "dc2"] }, upstreams);
  await waitFor(async () => (await namesIn(upstreams)) === "both,consul,far,near");
  expect((await upstreams.read(ref("both"))).upstreamType).toMatchObject({ value: { dataCenters: ["dc2"] } });
  expect(running.discovery.waitingFor()).toEqual([expect.stringMatching(/No path to datacenter/)]);
  await consul.deregister("near");
});

test("with the least policy discovery works on storage in the same Consul; without rights on services it says so and deletes nothing", async () => {
  await using own = await startConsul({ acl: true });
  await own.register({ Name: "app", Address: "10.0.0.1", Port: 1 });
  const key = 'key_prefix "gloo/" { policy = "write" }';
  const least = `${key}\nservice_prefix "" { policy = "read" }\nnode_prefix "" { policy = "read" }`;
  const token = await own.createToken(least);
  await using client = createConsulClient({ address: own.address, token });
  await using storage = createConsulStorage({ client });
  const upstreams = storage.client(UpstreamKind);
  const discovery = createConsulUpstreamDiscovery({ client, upstreams, namespace: "gloo-system" });
  await waitFor(async () => (await namesIn(upstreams)) === "app,consul");
  expect((await client.instances("app", { signal: AbortSignal.timeout(5_000) })).value).toHaveLength(1);
  await discovery.close();

  await using blind = createConsulClient({ address: own.address, token: await own.createToken(key) });
  const without = createConsulUpstreamDiscovery({ client: blind, upstreams, namespace: "gloo-system" });
  await waitFor(() => without.waitingFor().some((line) => /its token may not read services/.test(line)));
  expect(await namesIn(upstreams)).toBe("app,consul");
  await without.close();
});
