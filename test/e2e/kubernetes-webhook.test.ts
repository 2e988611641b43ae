import { readFileSync } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type PeerCertificate } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { kinds } from "../../generated/sdk/index.ts";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { type Authority, createAuthority } from "../support/certificates.ts";
import { generatedCrds } from "../support/kubernetes/crds.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { waitFor } from "../support/wait-for.ts";
import { writeTree } from "./support/gloo-file-example.ts";

const cluster = useKubeCluster();
const root = join(import.meta.dirname, "../..");
const loopback = { host: "127.0.0.1", port: 0 };

describe("the validating webhook, asked by a real API server", () => {
  let folder: string;
  let namespace: string;
  let elsewhere: string;
  let authority: Authority;
  let controlPlane: ControlPlane;
  const configuration = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

  const settings = (validation: string, more = ""): Promise<void> =>
    writeTree(folder, {
      "gloo-system/default.yaml": `
metadata: {name: default, namespace: gloo-system}
discoveryNamespace: ${namespace}
gateway:
  validation:
    ${validation}
    validationWebhookTlsCert: ${folder}/webhook.pem
    validationWebhookTlsKey: ${folder}/webhook.key
${more}`,
    });
  const collection = (plural: string, within = namespace): string =>
    `/apis/${plural === "upstreams" ? "gloo" : "gateway"}.solo.io/v1/namespaces/${within}/${plural}`;
  const create = (plural: string, name: string, spec: object, query = "", within = namespace) =>
    cluster().api("POST", `${collection(plural, within)}${query}`, {
      apiVersion: `${plural === "upstreams" ? "gloo" : "gateway"}.solo.io/v1`,
      kind: { upstreams: "Upstream", gateways: "Gateway", virtualservices: "VirtualService" }[plural],
      metadata: { name },
      spec,
    });
  const to = (upstream: string): object => ({
    virtualHost: {
      domains: [`${upstream}.example.com`],
      routes: [{ routeAction: { single: { upstream: { name: upstream, namespace } } } }],
    },
  });
  const petstore = { static: { hosts: [{ addr: "127.0.0.1", port: 8080 }] } };
  const isRefused = async (plural: string, spec: object, within = namespace): Promise<boolean> =>
    (await create(plural, "try", spec, "?dryRun=All", within)).status >= 400;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-webhook-"));
    [namespace, elsewhere] = [await cluster().namespace(), await cluster().namespace()];
    await cluster().createCrds(generatedCrds(...kinds.filter(({ kind }) => kind !== "Secret" && kind !== "Artifact")));
    authority = await createAuthority();
    await useCertificate("first");
    await settings("alwaysAccept: false");
    await writeTree(folder, {
      [`config/upstreams/${namespace}/used.yaml`]: `
metadata: {name: used, namespace: ${namespace}}
static: {hosts: [{addr: 127.0.0.1, port: 8080}]}
`,
      [`config/virtualservices/${namespace}/user.yaml`]: JSON.stringify({
        metadata: { name: "user", namespace },
        ...to("used"),
      }),
    });
    controlPlane = await createControlPlane({
      dataDirectory: folder,
      xdsAddress: loopback,
      webhookAddress: loopback,
      kubernetes: { kubeconfig: await cluster().kubeconfig() },
    });
    await waitFor(() => controlPlane.readiness().ready);
    await cluster().apiOk("POST", configuration, webhook());
    await waitFor(() => isRefused("gateways", { bindAddress: "::", bindPort: 8080 }));
  }, 120_000);
  afterAll(async () => {
    await cluster().api("DELETE", `${configuration}/${namespace}`);
    await controlPlane?.close();
    await authority?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** That of the manifests, but for where the webhook is and whom it concerns. */
  function webhook(): object {
    const manifest = parse(readFileSync(join(root, "deploy/kubernetes/webhook.yaml"), "utf8"));
    const own = {
      clientConfig: {
        url: `https://127.0.0.1:${controlPlane.webhookAddress?.port}/validation`,
        caBundle: readFileSync(authority.ca).toString("base64"),
      },
      namespaceSelector: {
        matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: [namespace, elsewhere] }],
      },
    };
    return { ...manifest, metadata: { name: namespace }, webhooks: [{ ...manifest.webhooks[0], ...own }] };
  }
  async function useCertificate(name: string): Promise<void> {
    const { cert, key } = await authority.issue(name);
    await copyFile(key, join(folder, "webhook.key"));
    await copyFile(cert, join(folder, "webhook.pem"));
  }

  it("refuses what is wrong with Gloo's words, and lets in what isn't", async () => {
    const gateway = await create("gateways", "bad", { bindAddress: "::", bindPort: 8080 });
    expect(gateway.status).toBe(400);
    expect(gateway.body.message).toContain('admission webhook "validation.epoxy.dev" denied the request');
    expect(gateway.body.message).toContain("invalid gateway: gateway must contain gatewayType");
    const upstream = await create("upstreams", "bad", { static: { hosts: [{ addr: "127.0.0.1", port: 0 }] } });
    expect(upstream.body.message).toContain("port cannot be empty for host");
    expect((await create("upstreams", "good", petstore)).status).toBe(201);
  });

  it("takes up other settings at once: warnings may be refused, or everything be let in", async () => {
    const missing = to("does-not-exist");
    expect(await isRefused("virtualservices", missing)).toBe(false);
    await settings("alwaysAccept: false\n    allowWarnings: false");
    await waitFor(() => isRefused("virtualservices", missing));
    const { body } = await create("virtualservices", "missing", missing);
    expect(body.message).toContain(
      `Route Warning: InvalidDestinationWarning. Reason: *v1.Upstream { ${namespace}.does-not-exist } not found`,
    );
    // One that the control plane has a virtual service for.
    expect((await create("upstreams", "used", petstore)).status).toBe(201);
    const deletion = await cluster().api("DELETE", `${collection("upstreams")}/used`);
    expect(deletion.status).toBe(400);
    expect(deletion.body.message).toContain(
      `failed validating the deletion of resource namespace: ${namespace} name: used`,
    );
    await settings("alwaysAccept: true");
    await waitFor(async () => !(await isRefused("virtualservices", missing)));
    expect((await cluster().api("DELETE", `${collection("upstreams")}/used`)).status).toBe(200);
  });

  it("lets everything into namespaces that the Settings don't choose, by name or by label, and says so", async () => {
    const wrong = { static: { hosts: [{ addr: "127.0.0.1", port: 0 }] } };
    await settings("alwaysAccept: false");
    await waitFor(() => isRefused("upstreams", wrong, elsewhere));
    await settings("alwaysAccept: false", `watchNamespaces: [${namespace}]`);
    await waitFor(async () => !(await isRefused("upstreams", wrong, elsewhere)));
    const { warning } = await create("upstreams", "unwatched", wrong, "", elsewhere);
    expect(warning).toContain(`not validated: the namespace ${elsewhere} isn't watched`);
    expect((await create("upstreams", "again", wrong)).status).toBe(400);

    const label = `watched-by-${namespace}`;
    const byLabel = `watchNamespaceSelectors: [{matchLabels: {${label}: "yes"}}]\nkubernetes: {}\n`;
    await settings("alwaysAccept: false", `${byLabel}discovery: {udsOptions: {enabled: false}}`);
    const relabel = (value: string | null) =>
      cluster().apiOk(
        "PATCH",
        `/api/v1/namespaces/${elsewhere}`,
        { metadata: { labels: { [label]: value } } },
        { contentType: "application/merge-patch+json" },
      );
    await relabel("yes");
    await waitFor(() => isRefused("upstreams", wrong, elsewhere));
    await relabel(null);
    await waitFor(async () => !(await isRefused("upstreams", wrong, elsewhere)));
    expect(await isRefused("upstreams", wrong)).toBe(true);
    await settings("alwaysAccept: true");
    await waitFor(async () => !(await isRefused("upstreams", wrong)));
  });

  it("isn't asked about statuses", async () => {
    expect((await create("gateways", "lax", { bindAddress: "::", bindPort: 8080 })).status).toBe(201);
    await settings("alwaysAccept: false");
    await waitFor(() => isRefused("gateways", { bindAddress: "::", bindPort: 8080 }));
    const status = { status: { statuses: { [namespace]: { state: "Rejected", reason: "no type" } } } };
    const contentType = "application/merge-patch+json";
    const answer = await cluster().api("PATCH", `${collection("gateways")}/lax/status`, status, { contentType });
    expect(answer.status).toBe(200);
    expect(answer.body.status).toEqual(status.status);
  });

  it("has a new certificate soon after its files were replaced, without a connection refused", async () => {
    const before = await certificate();
    await useCertificate("second");
    await waitFor(async () => (await certificate()).serialNumber !== before.serialNumber);
    const gateway = await create("gateways", "bad", { bindAddress: "::", bindPort: 8080 });
    expect(gateway.body.message).toContain("gateway must contain gatewayType");
  });

  function certificate(): Promise<PeerCertificate> {
    return new Promise((resolve, reject) => {
      const ca = readFileSync(authority.ca);
      const socket = connect({ host: "127.0.0.1", port: controlPlane.webhookAddress?.port ?? 0, ca }, () => {
        resolve(socket.getPeerCertificate());
        socket.end();
      }).once("error", reject);
    });
  }

  it("keeps nobody from writing while it is away", async () => {
    await controlPlane.close();
    expect((await create("gateways", "unseen", { bindAddress: "::", bindPort: 8080 })).status).toBe(201);
  });
});
