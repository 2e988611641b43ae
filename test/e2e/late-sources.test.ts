import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { localAddress } from "../support/local-address.ts";
import { type RunningVault, startVault } from "../support/vault.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { glooBootstrap } from "./support/gloo-bootstrap.ts";
import { writeTree } from "./support/gloo-file-example.ts";
import { get, untilServed } from "./support/served.ts";

const cluster = useKubeCluster();
const namespace = "late-sources";
const to = (path: string, upstream: string) =>
  `{matchers: [{exact: ${path}}], routeAction: {single: {upstream: {name: ${upstream}, namespace: gloo-system}}}}`;
const answering = (body: string) =>
  `{matchers: [{exact: /version}], directResponseAction: {status: 200, body: ${body}}}`;
const toPetsDirectly = `{matchers: [{exact: /direct}], routeAction: {single: {kube: {ref: {name: pets, namespace: ${namespace}}, port: 80}}}}`;
const virtualService = (...routes: readonly string[]) =>
  `metadata: {name: default, namespace: gloo-system}\nvirtualHost: {domains: ['*'], routes: [${routes.join(", ")}]}\n`;
const upstream = (name: string, spec: string) => `metadata: {name: ${name}, namespace: gloo-system}\n${spec}\n`;
const pets = `kube: {serviceName: pets, serviceNamespace: ${namespace}, servicePort: 80}`;
const safe = `static: {hosts: [{addr: 127.0.0.1, port: 9}]}\nsslConfig: {secretRef: {name: cert, namespace: gloo-system}}`;

describe("sources that don't answer while files are served", () => {
  let folder: string;
  let port: number;
  let network: TcpProxy;
  let vault: RunningVault;
  let server: Server;
  let controlPlane: ControlPlane;
  let envoy: RunningEnvoy;
  const write = (files: Readonly<Record<string, string>>) => writeTree(join(folder, "config"), files);
  const statusOf = (name: string) => readFile(join(folder, `config/upstreams/gloo-system/${name}.yaml`), "utf8");

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-late-"));
    port = await freePort();
    server = createServer((_request, response) => void response.end("hello"));
    await new Promise<void>((done) => server.listen(0, localAddress(), done));
    const { port: target } = server.address() as AddressInfo;
    const labels = { "kubernetes.io/service-name": "pets" };
    await cluster().apiOk("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
    await cluster().apiOk("POST", `/api/v1/namespaces/${namespace}/services`, {
      metadata: { name: "pets" },
      spec: { ports: [{ name: "http", port: 80 }] },
    });
    await cluster().apiOk("POST", `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, {
      metadata: { name: "pets-1", labels },
      addressType: "IPv4",
      ports: [{ name: "http", port: target }],
      endpoints: [{ addresses: [localAddress()] }],
    });
    network = await startTcpProxy({ port: Number(new URL(cluster().url).port) });
    network.cut();
    vault = await startVault();
    await vault.kill();
    await writeTree(folder, {
      "gloo-system/default.yaml": `
metadata: {name: default, namespace: gloo-system}
gloo: {xdsBindAddr: "127.0.0.1:0"}
kubernetes: {}
discovery: {udsOptions: {enabled: false}}
consul: {address: "127.0.0.1:${await freePort()}", serviceDiscovery: {}}
vaultSecretSource: {address: "${vault.address}", accessToken: ${vault.token}}
directoryConfigSource: {directory: ${join(folder, "config")}}
`,
    });
    await write({
      "gateways/gloo-system/gateway-proxy.yaml": `metadata: {name: gateway-proxy, namespace: gloo-system}\nbindAddress: 127.0.0.1\nbindPort: ${port}\nhttpGateway: {}\n`,
      "upstreams/gloo-system/web.yaml": upstream(
        "web",
        `static: {hosts: [{addr: ${localAddress()}, port: ${target}}]}`,
      ),
      "virtualservices/gloo-system/default.yaml": virtualService(to("/web", "web"), answering("one")),
    });
    const kubeconfig = await cluster().kubeconfig({ port: network.port });
    controlPlane = await createControlPlane({ dataDirectory: folder, kubernetes: { kubeconfig } });
    envoy = await startEnvoy({ bootstrap: glooBootstrap(controlPlane.xdsAddress?.port ?? 0) });
    await untilServed(port, "/version", { status: 200, body: "one" });
  }, 300_000);
  afterAll(async () => {
    await envoy?.stop();
    await controlPlane?.close();
    await network?.close();
    await vault?.stop();
    server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("hold up the upstreams that begin to need them, which say so, and no other change", async () => {
    await write({
      "upstreams/gloo-system/pets.yaml": upstream("pets", pets),
      "upstreams/gloo-system/carts.yaml": upstream("carts", "consul: {serviceName: carts}"),
      "upstreams/gloo-system/safe.yaml": upstream("safe", safe),
      "virtualservices/gloo-system/default.yaml": virtualService(
        to("/web", "web"),
        to("/pets", "pets"),
        to("/carts", "carts"),
        toPetsDirectly,
        answering("two"),
      ),
    });
    await untilServed(port, "/version", { status: 200, body: "two" });
    for (const path of ["/pets", "/carts", "/direct"]) expect((await get(port, path)).status).toBe(503);
    await waitFor(async () =>
      /waits for the services of Kubernetes, which can't be read: .*127\.0\.0\.1/s.test(await statusOf("pets")),
    );
    await waitFor(async () =>
      /waits for the instances of its service: .*Consul.*127\.0\.0\.1/s.test(await statusOf("carts")),
    );
    await waitFor(async () =>
      /gloo-system\.cert is waited for: not all secrets can be read: .*Vault/s.test(await statusOf("safe")),
    );
    expect(controlPlane.readiness().ready).toBe(true);
  });

  it("leave an upstream that was served before with the cluster that it had", async () => {
    await write({ "upstreams/gloo-system/web.yaml": upstream("web", pets) });
    await waitFor(async () => (await statusOf("web")).includes("waits for the services of Kubernetes"));
    await write({
      "virtualservices/gloo-system/default.yaml": virtualService(
        to("/web", "web"),
        to("/pets", "pets"),
        toPetsDirectly,
        answering("three"),
      ),
    });
    await untilServed(port, "/version", { status: 200, body: "three" });
    expect(await get(port, "/web")).toMatchObject({ status: 200, body: "hello" });
  });

  it("have all of them served as soon as they answer", async () => {
    network.restore();
    for (const path of ["/pets", "/direct", "/web"])
      await untilServed(port, path, { status: 200, body: "hello" }, 30_000);
    await waitFor(async () => !(await statusOf("pets")).includes("waits for"));
    await vault.start();
    await waitFor(async () => /did not find secret gloo-system\.cert/.test(await statusOf("safe")), {
      timeout: 30_000,
    });
  });
});
