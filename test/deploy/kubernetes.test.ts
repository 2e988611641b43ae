import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { kinds, SettingsKind } from "../../generated/sdk/index.ts";
import { findCommand, readInput } from "../../src/cli/command-line.ts";
import { rootCommand } from "../../src/cli/commands.ts";
import { parseResources } from "../../src/resources/index.ts";
import { epoxy } from "../cli/support/epoxy.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import {
  certificates,
  find,
  kubernetesFolder,
  kustomize,
  kustomizedFiles,
  type Manifest,
  readManifests,
} from "./support/manifests.ts";

const cluster = useKubeCluster();
let folder: string;
let manifests: readonly Manifest[];
let issued: readonly Manifest[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "epoxy-deploy-"));
  manifests = await kustomizedFiles();
  issued = await certificates(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const container = (name: string) => find(manifests, "Deployment", name).spec.template.spec.containers[0];
const portNumber = (name: string, port: string): number =>
  container(name).ports.find((it: { name: string }) => it.name === port).containerPort;

describe("the manifests for Kubernetes", () => {
  it("are taken by a real API server as they are, and by kustomize, if kubectl is there", async () => {
    const { api, namespace } = cluster();
    const own = await namespace({ "pod-security.kubernetes.io/enforce": "restricted" });
    const rendered = (await kustomize()) ?? manifests;
    expect(rendered.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted()).toEqual(
      manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted(),
    );
    const all = [...rendered, ...issued];
    expect(all.length).toBeGreaterThan(18);
    for (const manifest of all) {
      const path = await collectionPath(manifest, own);
      const inOwn = {
        ...manifest,
        metadata: { ...manifest.metadata, ...(manifest.metadata.namespace && { namespace: own }) },
      };
      const answer = await api("POST", `${path}?dryRun=All&fieldValidation=Strict`, inOwn);
      expect({
        manifest: `${manifest.kind} ${manifest.metadata.name}`,
        problem: answer.status < 300 ? "" : answer.body,
      }).toEqual({
        manifest: `${manifest.kind} ${manifest.metadata.name}`,
        problem: "",
      });
    }
  });

  /** Where objects of its sort are created, as the API server says. */
  async function collectionPath({ apiVersion, kind }: Manifest, namespace: string): Promise<string> {
    const root = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
    const { resources } = await cluster().apiOk("GET", root);
    const resource = resources.find((it: { kind: string; name: string }) => it.kind === kind && !it.name.includes("/"));
    return `${root}${resource.namespaced ? `/namespaces/${namespace}` : ""}/${resource.name}`;
  }

  it("run in pods that the strictest of Kubernetes' standards lets in", async () => {
    const { api, namespace } = cluster();
    const own = await namespace({ "pod-security.kubernetes.io/enforce": "restricted" });
    expect(find(manifests, "Namespace", "gloo-system").metadata).toMatchObject({
      labels: { "pod-security.kubernetes.io/enforce": "restricted" },
    });
    await cluster().apiOk("POST", `/api/v1/namespaces/${own}/serviceaccounts`, { metadata: { name: "epoxy" } });
    await cluster().apiOk("POST", `/api/v1/namespaces/${own}/serviceaccounts`, { metadata: { name: "gateway-proxy" } });
    for (const name of ["epoxy", "gateway-proxy"]) {
      const { spec, metadata } = find(manifests, "Deployment", name).spec.template;
      const pod = { metadata: { ...metadata, name }, spec };
      expect((await api("POST", `/api/v1/namespaces/${own}/pods?dryRun=All`, pod)).body.message).toBeUndefined();
      const root = { ...pod, spec: { ...spec, securityContext: {} } };
      expect((await api("POST", `/api/v1/namespaces/${own}/pods?dryRun=All`, root)).status).toBe(403);
    }
  });

  it("start the programs with options and Settings that these take, at the ports that are named", () => {
    const { args } = container("epoxy");
    const { values } = readInput(findCommand(rootCommand, args));
    expect(values.get("admin-address")).toBe(`0.0.0.0:${portNumber("epoxy", "admin")}`);
    const text = find(manifests, "ConfigMap", "epoxy-settings").data["default.yaml"];
    const { documents, problems } = parseResources(SettingsKind, text, "settings.yaml");
    expect(problems).toEqual([]);
    const settings = documents[0]?.resource;
    expect(settings?.gloo?.xdsBindAddr).toBe(`0.0.0.0:${portNumber("epoxy", "xds")}`);
    const { volumeMounts } = container("epoxy");
    const paths: readonly { name: string; mountPath: string }[] = volumeMounts;
    const mountOf = (path: string | undefined) =>
      paths.find(({ mountPath }) => path?.startsWith(`${mountPath}/`))?.name;
    expect(mountOf(settings?.gloo?.xds?.tls?.certFile)).toBe("xds-tls");
    expect(mountOf(settings?.gloo?.xds?.tls?.clientCaFile)).toBe("xds-tls");
    expect(mountOf(settings?.gateway?.validation?.validationWebhookTlsCert)).toBe("validation-tls");
    expect(values.get("dir")).toBe(paths.find(({ name }) => name === "data")?.mountPath);
    expect(paths.find(({ name }) => name === "settings")?.mountPath).toBe(`${String(values.get("dir"))}/gloo-system`);
  });

  it("name nothing that isn't there: Secrets, ConfigMaps, accounts, services", () => {
    const names = [...manifests, ...issued].map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    const named = ["epoxy", "gateway-proxy"].flatMap((name) => {
      const { spec } = find(manifests, "Deployment", name).spec.template;
      return [
        `ServiceAccount ${spec.serviceAccountName}`,
        ...spec.volumes.flatMap((volume: any) => [
          ...(volume.secret ? [`Secret ${volume.secret.secretName}`] : []),
          ...(volume.configMap ? [`ConfigMap ${volume.configMap.name}`] : []),
        ]),
      ];
    });
    const { webhooks } = find(issued, "ValidatingWebhookConfiguration", "epoxy-validation");
    const services = webhooks.map((it: any) => it.clientConfig.service);
    for (const { name, port } of services) {
      named.push(`Service ${name}`);
      expect(find(manifests, "Service", name).spec.ports[0].port).toBe(port);
    }
    expect(named.length).toBe(9);
    expect(named.filter((it) => !names.includes(it))).toEqual([]);
  });

  it.each(["epoxy", "gateway-proxy"])("select the pods of %s, and go by ports that these have", (name) => {
    const labels = JSON.stringify({ "app.kubernetes.io/name": name });
    const selecting = manifests.filter(({ spec }) =>
      [spec?.selector, spec?.selector?.matchLabels, spec?.podSelector?.matchLabels].some(
        (it) => JSON.stringify(it) === labels,
      ),
    );
    const ofKind = (kind: string): readonly Manifest[] => selecting.filter((it) => it.kind === kind);
    expect([...new Set(selecting.map(({ kind }) => kind))].toSorted()).toEqual([
      "Deployment",
      "NetworkPolicy",
      "PodDisruptionBudget",
      "Service",
    ]);
    const ports: string[] = container(name).ports.map((it: { name: string }) => it.name);
    const probes = ["readinessProbe", "livenessProbe", "startupProbe"].map((it) => container(name)[it]);
    const used = [
      ...probes.map(({ httpGet, tcpSocket }) => (httpGet ?? tcpSocket).port),
      ...ofKind("Service").flatMap(({ spec }) => spec.ports.map((it: any) => it.targetPort)),
    ];
    expect(used.length).toBeGreaterThan(4);
    expect(used.filter((port) => !ports.includes(port))).toEqual([]);
    const allowed = ofKind("NetworkPolicy").flatMap(({ spec }) =>
      spec.ingress.flatMap((it: any) => it.ports.map(({ port }: { port: string }) => port)),
    );
    expect(new Set(allowed)).toEqual(new Set(ports));
  });

  it("have the webhook ask for every kind, and for nothing that is none", async () => {
    const [configuration] = readManifests(await readFile(join(kubernetesFolder, "webhook.yaml"), "utf8"));
    const asked = configuration?.webhooks
      .flatMap(({ rules }: any) => rules)
      .flatMap((rule: any) =>
        rule.resources.map((resource: string) => `${rule.apiGroups[0]}/${rule.apiVersions[0]} ${resource}`),
      );
    // Secrets and artifacts are of Kubernetes' own kinds, endpoints and fragments are kept nowhere, refusals are told by replicas alone.
    const native = new Set(["Secret", "Artifact", "Endpoint", "ProxyFragment", "RefusalReport"]);
    const own = kinds.filter(({ kind }) => !native.has(kind)).map((it) => `${it.group}/${it.version} ${it.plural}`);
    expect(asked.toSorted()).toEqual([...own, "/v1 secrets"].toSorted());
  });

  it("give Envoy what the command prints (node scripts/deploy-bootstraps.ts), and a listener for probes besides", async () => {
    const text = find(manifests, "ConfigMap", "gateway-proxy-bootstrap").data["envoy.yaml"];
    const file = await readFile(join(kubernetesFolder, "gateway-proxy-bootstrap.yaml"), "utf8");
    const line = /^# epoxy (proxy bootstrap .*)$/m.exec(file)?.[1] ?? "";
    const printed = parse((await epoxy(line.split(" "))).stdout);
    const { static_resources: resources, ...given } = parse(text);
    const { listeners, clusters, ...others } = resources;
    expect({ ...given, static_resources: { ...others, clusters: clusters.slice(1) } }).toEqual(printed);
    expect(clusters[0].name).toBe("admin");
    expect(listeners).toHaveLength(1);
    expect(listeners[0].address.socket_address.port_value).toBe(portNumber("gateway-proxy", "probes"));
    const [address] = printed.static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints;
    expect(address.endpoint.address.socket_address).toEqual({
      address: "epoxy.gloo-system.svc",
      port_value: find(manifests, "Service", "epoxy").spec.ports[0].port,
    });
  });

  it("come with certificates that are for their services and signed by one authority, also when they are renewed", async () => {
    const first = new X509Certificate(Buffer.from(find(issued, "Secret", "epoxy-xds-tls").data["tls.crt"], "base64"));
    const renewed = await certificates(folder);
    const pem = (manifest: Manifest, file: string) => Buffer.from(manifest.data[file], "base64").toString();
    const ca = new X509Certificate(pem(find(renewed, "Secret", "epoxy-xds-tls"), "ca.crt"));
    expect(first.verify(ca.publicKey)).toBe(true);
    for (const [secret, host] of [
      ["epoxy-xds-tls", "epoxy.gloo-system.svc"],
      ["gateway-proxy-xds-tls", "gateway-proxy.gloo-system.svc"],
      ["epoxy-validation-tls", "epoxy-validation.gloo-system.svc"],
    ] as const) {
      const certificate = new X509Certificate(pem(find(renewed, "Secret", secret), "tls.crt"));
      expect(certificate.verify(ca.publicKey)).toBe(true);
      expect(certificate.checkHost(host)).toBe(host);
    }
    const { webhooks } = find(renewed, "ValidatingWebhookConfiguration", "epoxy-validation");
    for (const { clientConfig } of webhooks)
      expect(Buffer.from(clientConfig.caBundle, "base64").toString()).toBe(ca.toString());
  });
});
