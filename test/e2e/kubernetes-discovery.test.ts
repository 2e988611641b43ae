import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { UpstreamKind } from "../../generated/sdk/index.ts";
import { createFileStorage } from "../../src/storage/file/index.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { localAddress } from "../support/local-address.ts";
import { waitFor } from "../support/wait-for.ts";
import { glooBootstrap } from "./support/gloo-bootstrap.ts";
import { writeTree } from "./support/gloo-file-example.ts";
import { get, untilServed } from "./support/served.ts";

const cluster = useKubeCluster();

/** An HTTP server that answers with its name. */
async function startPod(name: string, host: string): Promise<{ server: Server; port: number }> {
  const server = createServer((_request, response) => void response.end(name));
  await new Promise<void>((done) => server.listen(0, host, done));
  return { server, port: (server.address() as AddressInfo).port };
}

describe("discovery from Kubernetes, with resources in files", () => {
  let folder: string;
  let port: number;
  let namespace: string;
  let outside: number;
  let controlPlane: ControlPlane;
  let envoy: RunningEnvoy;
  const pods: Server[] = [];
  const address = localAddress();

  const service = (name: string, spec: object, labels: Record<string, string> = {}) =>
    cluster().apiOk("POST", `/api/v1/namespaces/${namespace}/services`, { metadata: { name, labels }, spec });
  const slicePath = (): string => `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  const slice = (name: string, of: string, port: number, endpoints: readonly object[], addressType = "IPv4") =>
    cluster().apiOk("POST", slicePath(), {
      metadata: { name, labels: { "kubernetes.io/service-name": of } },
      addressType,
      ports: [{ name: "http", port }],
      endpoints,
    });
  const pod = async (name: string, host = address): Promise<number> => {
    const started = await startPod(name, host);
    pods.push(started.server);
    return started.port;
  };
  const kube = (prefix: string, destination: string): string =>
    `{matchers: [{prefix: ${prefix}}], routeAction: {single: ${destination}}}`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-kube-"));
    port = await freePort();
    namespace = await cluster().namespace();
    outside = await pod("outside", "127.0.0.1");
    const to = (name: string, port: number): string =>
      `{kube: {ref: {name: ${name}, namespace: ${namespace}}, port: ${port}}}`;
    await writeTree(folder, {
      "gloo-system/default.yaml": `
metadata: {name: default, namespace: gloo-system}
gloo: {xdsBindAddr: "127.0.0.1:0"}
watchNamespaces: [${namespace}]
kubernetes: {}
discovery: {udsOptions: {watchLabels: {discovered: "yes"}}}
`,
      "config/gateways/gloo-system/gateway.yaml": `
metadata: {name: gateway-proxy, namespace: gloo-system}
bindAddress: 127.0.0.1
bindPort: ${port}
httpGateway: {}
`,
      "config/virtualservices/gloo-system/default.yaml": `
metadata: {name: default, namespace: gloo-system}
virtualHost:
  domains: ['*']
  routes:
  - ${kube("/discovered", `{upstream: {name: ${namespace}-pets-80, namespace: gloo-system}}`)}
  - ${kube("/service", to("pets", 80))}
  - ${kube("/outside", to("outside", outside))}
  - ${kube("/both", to("both", 80))}
  - ${kube("/chosen", "{upstream: {name: chosen, namespace: gloo-system}}")}
`,
      "config/upstreams/gloo-system/chosen.yaml": `
metadata: {name: chosen, namespace: gloo-system}
kube: {serviceName: pets, serviceNamespace: ${namespace}, servicePort: 80, selector: {version: v2}}
`,
    });
    controlPlane = await createControlPlane({
      dataDirectory: folder,
      kubernetes: { kubeconfig: await cluster().kubeconfig() },
    });
    envoy = await startEnvoy({ bootstrap: glooBootstrap(controlPlane.xdsAddress?.port ?? 0) });
  }, 120_000);
  afterAll(async () => {
    await envoy?.stop();
    await controlPlane?.close();
    for (const server of pods) server.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("serves a service through the Upstream that it becomes, and by its own name, following its endpoints", async () => {
    const first = await pod("first");
    await service("pets", { ports: [{ name: "http", port: 80 }], selector: { app: "pets" } }, { discovered: "yes" });
    await slice("pets-1", "pets", first, [{ addresses: [address] }]);
    await untilServed(port, "/discovered", { status: 200, body: "first" });
    await untilServed(port, "/service", { status: 200, body: "first" });
    const second = await pod("second");
    await cluster().apiOk(
      "PATCH",
      `${slicePath()}/pets-1`,
      { ports: [{ name: "http", port: second }] },
      { contentType: "application/merge-patch+json" },
    );
    await untilServed(port, "/discovered", { status: 200, body: "second" });
  });

  it("takes endpoints out of rotation that aren't ready, and back in", async () => {
    const ready = (value: boolean) =>
      cluster().apiOk(
        "PATCH",
        `${slicePath()}/pets-1`,
        { endpoints: [{ addresses: [address], conditions: { ready: value } }] },
        { contentType: "application/merge-patch+json" },
      );
    await ready(false);
    await untilServed(port, "/service", { status: 503 });
    await ready(true);
    await untilServed(port, "/service", { status: 200, body: "second" });
  });

  it("asks only the pods that an Upstream's selector chooses", async () => {
    expect((await get(port, "/chosen")).status).toBe(503);
    await cluster().apiOk("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: "default" } });
    const podOf = (name: string, version: string) =>
      cluster().apiOk("POST", `/api/v1/namespaces/${namespace}/pods`, {
        metadata: { name, labels: { app: "pets", version } },
        spec: { containers: [{ name: "pets", image: "none" }] },
      });
    await podOf("new", "v2");
    const third = await pod("third");
    const targetRef = { kind: "Pod", name: "new", namespace };
    await slice("pets-2", "pets", third, [{ addresses: [address], targetRef }]);
    await untilServed(port, "/chosen", { status: 200, body: "third" });
  });

  it("resolves a service of type ExternalName by DNS", async () => {
    await untilServed(port, "/outside", { status: 503 });
    await service("outside", { type: "ExternalName", externalName: "localhost", ports: [{ port: outside }] });
    await untilServed(port, "/outside", { status: 200, body: "outside" });
  });

  it("tries the other address of an endpoint that doesn't answer at its first", async () => {
    const [four, six] = [localAddress(), localAddress("IPv6")];
    const both = await pod("both", six);
    await service("both", { ports: [{ name: "http", port: 80 }] });
    const targetRef = { kind: "Pod", name: "both", namespace };
    await slice("both-6", "both", both, [{ addresses: [six], targetRef }], "IPv6");
    await untilServed(port, "/both", { status: 200, body: "both" });
    await slice("both-4", "both", both, [{ addresses: [four], targetRef }]);
    await waitFor(async () => (await envoy.admin("/clusters")).includes(`${four}:${both}`));
    await untilServed(port, "/both", { status: 200, body: "both" });
  });

  it("removes the Upstream of a service that is gone, and leaves alone what has no label of discovery", async () => {
    const storage = createFileStorage({ directory: join(folder, "config") });
    const names = async () => (await storage.client(UpstreamKind).list()).items.map(({ metadata }) => metadata?.name);
    expect(await names()).toEqual(["chosen", `${namespace}-pets-80`]);
    await cluster().apiOk("DELETE", `/api/v1/namespaces/${namespace}/services/pets`);
    await waitFor(async () => (await names()).length === 1);
    await untilServed(port, "/service", { status: 503 });
    await storage.close();
  });
});
