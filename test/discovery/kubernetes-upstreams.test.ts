import { expect, test } from "vitest";
import { UpstreamKind } from "../../generated/sdk/index.ts";
import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { createGraph } from "../../src/collections/index.ts";
import { createKubernetesUpstreamDiscovery, readService, type Service } from "../../src/discovery/index.ts";
import { kubernetesUpstreamName } from "../../src/envoy/index.ts";
import { refKey, refOf } from "../../src/resources/index.ts";
import { fromWatch } from "../../src/snapshot/index.ts";
import { createMemoryStorage } from "../../src/storage/index.ts";
import { waitFor } from "../support/wait-for.ts";

const petstore = {
  metadata: { name: "petstore", namespace: "default", labels: { team: "pets" } },
  spec: {
    selector: { app: "petstore" },
    ports: [
      { name: "http", port: 8080 },
      { name: "grpc", port: 9090 },
      { name: "dns", port: 53, protocol: "UDP" },
    ],
  },
};

/** Discovery over services that a test sets, and a memory of Upstreams. */
async function discover(watchLabels: Record<string, string> = {}) {
  const graph = createGraph();
  const services = graph.source<Service>("services");
  const storage = createMemoryStorage();
  const upstreams = storage.client(UpstreamKind);
  const stored = fromWatch(graph, "upstreams", upstreams);
  const problems: string[] = [];
  const discovery = createKubernetesUpstreamDiscovery({
    services,
    stored,
    upstreams,
    namespace: "gloo-system",
    watchLabels,
    onProblem: (line) => problems.push(line),
    nameOf: kubernetesUpstreamName,
  });
  const all = async (): Promise<Map<string, Upstream>> =>
    new Map((await upstreams.list()).items.map((item) => [item.metadata?.name ?? "", item]));
  return {
    services,
    upstreams,
    discovery,
    problems,
    all,
    set: (object: Parameters<typeof readService>[0]) => {
      const service = readService(object);
      services.set(refKey(service.ref), service);
    },
    until: (isDone: (upstreams: Map<string, Upstream>) => boolean) => waitFor(async () => isDone(await all())),
    async close() {
      await discovery.close();
      await stored.close();
      await storage.close();
    },
  };
}

test.each([
  ["default", "petstore", 8080, "default-petstore-8080"],
  // 63 characters are left as they are, one more is cut, with the MD5 sum of the whole.
  ["n", "s".repeat(58), 80, `n-${"s".repeat(58)}-80`],
  ["nn", "s".repeat(58), 80, "nn-ssssssssssssssssssssssssssss-b9b645351ca797eb12e9a60658eef59"],
])("a port of %s/%s has the Upstream that Gloo gives it", (namespace, name, port, expected) => {
  expect(kubernetesUpstreamName({ namespace, name }, port)).toBe(expected);
});

test("each TCP port of a service becomes an Upstream, which goes with it", async () => {
  const run = await discover();
  run.set(petstore);
  run.services.markSynced();
  await run.until((upstreams) => upstreams.size === 2);
  const found = await run.all();
  expect([...found.keys()]).toEqual(["default-petstore-8080", "default-petstore-9090"]);
  expect(found.get("default-petstore-8080")).toMatchObject({
    metadata: { namespace: "gloo-system", labels: { discovered_by: "kubernetesplugin" } },
    discoveryMetadata: { labels: { team: "pets" } },
    upstreamType: {
      $case: "kube",
      value: {
        serviceName: "petstore",
        serviceNamespace: "default",
        servicePort: 8080,
        selector: { app: "petstore" },
      },
    },
    useHttp2: undefined,
  });
  // By its name, as in Gloo.
  expect(found.get("default-petstore-9090")?.useHttp2).toBe(true);

  run.set({ ...petstore, spec: { ...petstore.spec, ports: [{ name: "http", port: 8080 }] } });
  await run.until((upstreams) => upstreams.size === 1);
  run.services.delete("default/petstore");
  await run.until((upstreams) => upstreams.size === 0);
  await run.close();
});

test("annotations of a service say how its ports are spoken to", async () => {
  const run = await discover();
  const annotations = {
    "gloo.solo.io/h2_service": "false",
    "gloo.solo.io/sslService.secret": "8080:upstream-tls",
    "example.com/other": "x",
  };
  run.set({ ...petstore, metadata: { ...petstore.metadata, annotations } });
  run.services.markSynced();
  await run.until((upstreams) => upstreams.size === 2);
  const found = await run.all();
  expect(found.get("default-petstore-8080")).toMatchObject({
    useHttp2: false,
    sslConfig: { sslSecrets: { $case: "secretRef", value: { name: "upstream-tls", namespace: "default" } } },
  });
  expect(found.get("default-petstore-9090")).toMatchObject({ useHttp2: false, sslConfig: undefined });
  await run.close();
});

test("an annotation says further fields of its Upstreams, which then are the service's", async () => {
  const run = await discover();
  const config = (value: unknown) => ({
    ...petstore,
    metadata: {
      ...petstore.metadata,
      annotations: {
        "gloo.solo.io/upstream_config": typeof value === "string" ? value : JSON.stringify(value),
      },
    },
  });
  const serviceSpec = { rest: { swaggerInfo: { url: "http://pets/swagger.json" } } };
  run.set(config({ initial_stream_window_size: 2048, kube: { serviceName: "another", serviceSpec } }));
  run.services.markSynced();
  const ref = { namespace: "gloo-system", name: "default-petstore-8080" };
  await run.until((upstreams) => upstreams.get(ref.name)?.initialStreamWindowSize === 2048);
  const made = await run.upstreams.read(ref);
  expect(kube(made)).toMatchObject({
    serviceName: "petstore",
    serviceSpec: { pluginType: { $case: "rest", value: { swaggerInfo: { swaggerSpec: { $case: "url" } } } } },
  });
  const edited = { ...made, initialStreamWindowSize: 1, maxConcurrentStreams: 7 };
  await run.upstreams.write(edited, { overwrite: true });
  await run.until((upstreams) => upstreams.get(ref.name)?.initialStreamWindowSize === 2048);
  expect((await run.upstreams.read(ref)).maxConcurrentStreams).toBe(7);

  // What can't be read is told, and harms nothing else.
  run.set(config({ initialStreamWindowSise: 1 }));
  await waitFor(() => run.problems.length === 1);
  run.set(config("{"));
  await waitFor(() => run.problems.length === 2);
  run.set(config({ static: { hosts: [] } }));
  await waitFor(() => run.problems.length === 3);
  expect(run.problems).toEqual([
    expect.stringMatching(
      /service default.petstore: annotation .*upstream_config is left out: .*initialStreamWindowSise/,
    ),
    expect.stringContaining("JSON"),
    expect.stringContaining("is of type kube, not static"),
  ]);
  expect((await run.upstreams.read(ref)).initialStreamWindowSize).toBe(2048);
  run.set(petstore);
  await waitFor(() => run.discovery.waitingFor().length === 0);
  await run.close();
});

test("what people add to a discovered Upstream stays, and what they break is mended", async () => {
  const run = await discover();
  run.set(petstore);
  run.services.markSynced();
  await run.until((upstreams) => upstreams.size === 2);
  const ref = { namespace: "gloo-system", name: "default-petstore-8080" };
  const before = await run.upstreams.read(ref);
  const circuitBreakers = { maxConnections: 5 };
  await run.upstreams.write(
    {
      ...before,
      circuitBreakers,
      upstreamType: { $case: "kube", value: { ...kube(before), serviceName: "mistyped", selector: { app: "mine" } } },
    } as never,
    { overwrite: true },
  );
  await run.until((upstreams) => kube(upstreams.get(ref.name)).serviceName === "petstore");
  const after = await run.upstreams.read(ref);
  expect(after.circuitBreakers).toMatchObject(circuitBreakers);
  expect(kube(after).selector).toEqual({ app: "mine" });

  // The other one's selector is still discovery's: it follows the service.
  run.set({ ...petstore, spec: { ...petstore.spec, selector: { app: "petstore", version: "2" } } });
  const moved = { app: "petstore", version: "2" };
  await run.until((upstreams) => kube(upstreams.get("default-petstore-9090")).selector["version"] === "2");
  expect(kube((await run.all()).get("default-petstore-9090")).selector).toEqual(moved);
  expect(kube(await run.upstreams.read(ref)).selector).toEqual({ app: "mine" });

  await run.upstreams.delete(ref);
  await run.until((upstreams) => upstreams.has(ref.name));
  await run.close();
});

test("nothing is written or deleted before all services are known, and a hand-written Upstream is left alone", async () => {
  const run = await discover();
  const mine = (name: string, labels: Record<string, string>) =>
    run.upstreams.write(
      UpstreamKind.type.codec.fromPartial({
        metadata: { name, namespace: "gloo-system", labels },
        upstreamType: { $case: "pipe", value: { path: "/x" } },
      }),
    );
  await mine("default-petstore-8080", {});
  await mine("gone-80", { discovered_by: "kubernetesplugin" });
  run.set(petstore);
  await waitFor(() => run.services.size === 1);
  expect([...(await run.all()).keys()]).toEqual(["default-petstore-8080", "gone-80"]);
  run.services.markSynced();
  await run.until((upstreams) => upstreams.has("default-petstore-9090") && !upstreams.has("gone-80"));
  expect((await run.all()).get("default-petstore-8080")?.upstreamType?.$case).toBe("pipe");
  await waitFor(() => run.discovery.waitingFor().some((line) => line.includes("default-petstore-8080")));
  await run.close();
});

test("only services with the watched labels count, and two services that want one name are told", async () => {
  const run = await discover({ team: "pets" });
  run.set({ ...petstore, metadata: { name: "other", namespace: "default" } });
  run.set({ metadata: { name: "b-c", namespace: "a", labels: { team: "pets" } }, spec: { ports: [{ port: 80 }] } });
  run.set({ metadata: { name: "c", namespace: "a-b", labels: { team: "pets" } }, spec: { ports: [{ port: 80 }] } });
  run.services.markSynced();
  await run.until((upstreams) => upstreams.size === 1);
  expect(kube((await run.all()).get("a-b-c-80")).serviceNamespace).toBe("a-b");
  expect(run.discovery.waitingFor()).toEqual([
    "services a-b.c and a.b-c would both be Upstream gloo-system.a-b-c-80: a-b.c is",
  ]);
  // The one that had to wait has it once the first is gone.
  run.services.delete("a-b/c");
  await run.until((upstreams) => kube(upstreams.get("a-b-c-80")).serviceNamespace === "a");
  await run.close();
});

function kube(upstream: Upstream | undefined) {
  const type = upstream?.upstreamType;
  if (type?.$case !== "kube") throw new Error(`not an Upstream of type kube: ${upstream && refKey(refOf(upstream))}`);
  return type.value;
}
