import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kinds } from "../../generated/sdk/index.ts";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { type KubeCluster, startKubeCluster } from "../support/kubernetes/start-cluster.ts";
import { generatedCrds } from "../support/kubernetes/crds.ts";
import type { PolicyRule } from "../support/kubernetes/cluster-access.ts";
import { localAddress } from "../support/local-address.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { waitFor } from "../support/wait-for.ts";
import { glooBootstrap } from "./support/gloo-bootstrap.ts";
import { writeTree } from "./support/gloo-file-example.ts";
import { get, untilServed } from "./support/served.ts";

const namespace = "gloo-system";
const merge = { contentType: "application/merge-patch+json" } as const;

describe("Kubernetes from end to end, with the rights of the manifests and no more", () => {
  let folder: string;
  let port: number;
  let cluster: KubeCluster;
  let controlPlane: ControlPlane;
  let envoy: RunningEnvoy;
  let pets: Server;

  const path = (plural: string): string =>
    `/apis/${plural === "upstreams" ? "gloo" : "gateway"}.solo.io/v1/namespaces/${namespace}/${plural}`;
  const virtualService = (routes: readonly object[]) => ({
    apiVersion: "gateway.solo.io/v1",
    kind: "VirtualService",
    metadata: { name: "default" },
    spec: { virtualHost: { domains: ["*"], routes } },
  });
  const toPets = {
    matchers: [{ prefix: "/pets" }],
    routeAction: { single: { upstream: { name: "default-pets-80", namespace } } },
  };
  const answering = (at: string, body: string) => ({
    matchers: [{ exact: at }],
    directResponseAction: { status: 200, body },
  });
  const setRoutes = (routes: readonly object[]) =>
    cluster.apiOk("PATCH", `${path("virtualservices")}/default`, { spec: virtualService(routes).spec }, merge);
  const statusOf = async (plural: string, name: string) => {
    const { status } = await cluster.apiOk("GET", `${path(plural)}/${name}`);
    return status?.statuses?.[namespace];
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-kube-"));
    port = await freePort();
    cluster = await startKubeCluster();
    await cluster.apiOk("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
    await cluster.createCrds(generatedCrds(...kinds.filter(({ kind }) => kind !== "Secret" && kind !== "Artifact")));
    // A server that closes idle connections would fail requests by itself.
    pets = createServer({ keepAliveTimeout: 60_000 }, (_request, response) => void response.end("pets"));
    await new Promise<void>((done) => pets.listen(0, localAddress(), done));
    const rules = rulesOf("rbac.yaml");
    const token = await cluster.serviceAccount({
      namespace,
      rules: rules("Role"),
      clusterRules: rules("ClusterRole"),
    });
    await writeTree(folder, {
      "gloo-system/default.yaml": `
metadata: {name: default, namespace: gloo-system}
kubernetesConfigSource: {}
kubernetesSecretSource: {}
kubernetesArtifactSource: {}
gloo: {xdsBindAddr: "127.0.0.1:0"}
`,
    });
    await cluster.apiOk("POST", path("gateways"), {
      apiVersion: "gateway.solo.io/v1",
      kind: "Gateway",
      metadata: { name: "gateway-proxy" },
      spec: { bindAddress: "127.0.0.1", bindPort: port, httpGateway: {} },
    });
    controlPlane = await createControlPlane({
      dataDirectory: folder,
      kubernetes: { kubeconfig: await cluster.kubeconfig({ token }) },
    });
    envoy = await startEnvoy({ bootstrap: glooBootstrap(controlPlane.xdsAddress?.port ?? 0) });
  }, 300_000);
  afterAll(async () => {
    await envoy?.stop();
    await controlPlane?.close();
    pets?.close();
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("serves a service that is created with its endpoints and a virtual service, and says so in its status", async () => {
    await cluster.apiOk("POST", "/api/v1/namespaces/default/services", {
      metadata: { name: "pets" },
      spec: { ports: [{ name: "http", port: 80 }] },
    });
    await cluster.apiOk("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", {
      metadata: { name: "pets-1", labels: { "kubernetes.io/service-name": "pets" } },
      addressType: "IPv4",
      ports: [{ name: "http", port: (pets.address() as AddressInfo).port }],
      endpoints: [{ addresses: [localAddress()] }],
    });
    await cluster.apiOk("POST", path("virtualservices"), virtualService([toPets]));
    await untilServed(port, "/pets", { status: 200, body: "pets" }, 20_000);
    await waitFor(async () => (await statusOf("virtualservices", "default"))?.state === "Accepted");
    const upstream = await cluster.apiOk("GET", `${path("upstreams")}/default-pets-80`);
    expect(upstream).toMatchObject({
      // It is written once, and not again and again.
      metadata: { generation: 1, labels: { discovered_by: "kubernetesplugin" } },
      spec: { kube: { serviceName: "pets", serviceNamespace: "default", servicePort: 80 } },
    });
    await waitFor(async () => (await statusOf("upstreams", "default-pets-80"))?.state === "Accepted");
  });

  it("says in the status what is wrong, and goes on serving the rest", async () => {
    const missing = {
      matchers: [{ prefix: "/m" }],
      routeAction: { single: { upstream: { name: "none", namespace } } },
    };
    await setRoutes([missing, toPets]);
    await waitFor(async () => (await statusOf("virtualservices", "default"))?.state === "Warning");
    const { reason } = await statusOf("virtualservices", "default");
    expect(reason).toContain("*v1.Upstream { gloo-system.none } not found");
    expect((await get(port, "/pets")).body).toBe("pets");
    await setRoutes([toPets]);
    await waitFor(async () => (await statusOf("virtualservices", "default"))?.state === "Accepted");
  });

  it("loses no request and wipes nothing while API server and etcd are killed, and catches up after", async () => {
    const load = startSteadyLoad({ url: `http://127.0.0.1:${port}/pets`, rate: 100 });
    await waitFor(() => load.report().good > 50);
    await cluster.kill();
    const whenKilled = load.report().sent;
    await waitFor(() => load.report().sent > whenKilled + 200);
    await waitFor(() =>
      controlPlane.readiness().reasons.some((reason) => /listing services.*ECONNREFUSED/.test(reason)),
    );
    expect(controlPlane.readiness().ready).toBe(true);
    await cluster.start();
    await setRoutes([answering("/new", "after-restart"), toPets]);
    await untilServed(port, "/new", { status: 200, body: "after-restart" }, 30_000);
    const { failed, failures, good } = await load.stop();
    expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
    expect(good).toBeGreaterThan(250);
    // Endpoints are followed again, too.
    await cluster.apiOk(
      "PATCH",
      "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/pets-1",
      { endpoints: [{ addresses: [localAddress()], conditions: { ready: false } }] },
      merge,
    );
    await untilServed(port, "/pets", { status: 503 }, 30_000);
  }, 120_000);

  it("removes what it discovered with the service", async () => {
    await cluster.apiOk("DELETE", "/api/v1/namespaces/default/services/pets");
    await waitFor(async () => (await cluster.api("GET", `${path("upstreams")}/default-pets-80`)).status === 404);
    await waitFor(async () => (await statusOf("virtualservices", "default"))?.state === "Warning");
  });
});

/** The rules of a kind of role in a manifest. */
function rulesOf(file: string): (kind: "Role" | "ClusterRole") => readonly PolicyRule[] {
  const text = readFileSync(join(import.meta.dirname, "../../deploy/kubernetes", file), "utf8");
  const documents = parseAllDocuments(text).map((document) => document.toJS());
  return (kind) => documents.filter((document) => document.kind === kind).flatMap(({ rules }) => rules);
}
