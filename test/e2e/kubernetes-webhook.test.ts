import { readFileSync } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type PeerCertificate } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
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
directoryConfigSource: {directory: config}
kubernetesSecretSource: {}
gateway:
  validation:
    ${validation}
    validationWebhookTlsCert: ${folder}/webhook.pem
    validationWebhookTlsKey: ${folder}/webhook.key
${more}`,
    });
  const kindOf = (plural: string) => kinds.find((kind) => kind.plural === plural) as (typeof kinds)[number];
  const collection = (plural: string, within = namespace): string => {
    const { group, version } = kindOf(plural);
    return `/apis/${group}/${version}/namespaces/${within}/${plural}`;
  };
  const create = (plural: string, name: string, spec: object, query = "", within = namespace) => {
    const { group, version, kind } = kindOf(plural);
    const object = { apiVersion: `${group}/${version}`, kind, metadata: { name }, spec };
    return cluster().api("POST", `${collection(plural, within)}${query}`, object);
  };
  const to = (upstream: string): object => ({
    virtualHost: {
      domains: [`${upstream}.example.com`],
      routes: [{ routeAction: { single: { upstream: { name: upstream, namespace } } } }],
    },
  });
  const secure = (secret: string): object => ({
    sslConfig: { secretRef: { name: secret, namespace } },
    virtualHost: { domains: [`${secret}.example.com`], routes: [{ directResponseAction: { status: 200 } }] },
  });
  const secrets = (name = ""): string => `/api/v1/namespaces/${namespace}/secrets${name === "" ? "" : `/${name}`}`;
  const tlsSecret = (name: string) => ({
    metadata: { name },
    type: "kubernetes.io/tls",
    stringData: {
      "tls.crt": readFileSync(join(authority.folder, "first.pem"), "utf8"),
      "tls.key": readFileSync(join(authority.folder, "first.key"), "utf8"),
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
    for (const name of ["used-cert", "unused-cert"]) await cluster().apiOk("POST", secrets(), tlsSecret(name));
    const gateway = (name: string, port: number, ssl: boolean): string =>
      JSON.stringify({ metadata: { name, namespace }, bindAddress: "127.0.0.1", bindPort: port, ssl, httpGateway: {} });
    await writeTree(folder, {
      [`config/ratelimitconfigs/${namespace}/limits.yaml`]: `metadata: {name: limits, namespace: ${namespace}}\nraw: {}\n`,
      [`config/gateways/${namespace}/plain.yaml`]: gateway("plain", 8080, false),
      [`config/gateways/${namespace}/tls.yaml`]: gateway("tls", 8443, true),
      [`config/virtualservices/${namespace}/secure.yaml`]: JSON.stringify({
        metadata: { name: "secure", namespace },
        ...secure("used-cert"),
      }),
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
      // By the API server's own failures it would let in what is to be refused here.
      timeoutSeconds: 20,
      clientConfig: {
        url: `https://127.0.0.1:${controlPlane.webhookAddress?.port}/validation`,
        caBundle: readFileSync(authority.ca).toString("base64"),
      },
      namespaceSelector: {
        matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: [namespace, elsewhere] }],
      },
    };
    return {
      ...manifest,
      metadata: { name: namespace },
      webhooks: manifest.webhooks.map((it: object) => ({ ...it, ...own })),
    };
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

  it("refuses what delegates wrongly, what has no field of the kind, and what only Gloo's enterprise edition serves", async () => {
    const delegating = {
      matchers: [{ prefix: "/a", methods: ["GET"] }, { prefix: "/b" }],
      delegateAction: { ref: { name: "table", namespace } },
    };
    const methods = await create("virtualservices", "bad", { virtualHost: { domains: ["bad"], routes: [delegating] } });
    expect(methods.body.message).toContain("invalid route: routes with delegate actions must use a prefix matcher");
    const typo = await create("virtualservices", "typo", { virtualHoost: {} }, "?fieldValidation=Strict");
    expect(typo.body.message).toContain('unknown field "spec.virtualHoost"');
    const limits = await create("ratelimitconfigs", "rlc", { raw: { descriptors: [{ key: "generic_key" }] } });
    expect(limits.status).toBe(400);
    const text = "The Gloo Advanced Rate limit API feature 'RateLimitConfig' is enterprise-only";
    expect(limits.body.message).toContain(text);
    const stored = join(folder, `config/ratelimitconfigs/${namespace}/limits.yaml`);
    await waitFor(() => /state: Rejected/.test(readFileSync(stored, "utf8")));
    expect(readFileSync(stored, "utf8").replaceAll(/\s+/g, " ")).toContain(text);
  });

  it("refuses to delete or break a certificate that is in use, and minds no other Secret", async () => {
    const text = `SSL secret not found: list did not find secret ${namespace}.used-cert`;
    const refused = await cluster().api("DELETE", secrets("used-cert"));
    expect(refused.status).toBe(400);
    expect(refused.body.message).toContain('admission webhook "secrets.validation.epoxy.dev" denied the request');
    expect(refused.body.message).toContain(`failed validating the deletion of resource namespace: ${namespace}`);
    expect(refused.body.message).toContain(`VirtualService ${namespace}.secure: ${text}`);
    const patch = (name: string, change: object, dryRun = "") =>
      cluster().api("PATCH", `${secrets(name)}${dryRun}`, change, { contentType: "application/merge-patch+json" });
    const content = { data: { "tls.key": Buffer.from("not a key, but secret").toString("base64") } };
    const broken = await patch("used-cert", content);
    expect(broken.status).toBe(400);
    expect(broken.body.message).toContain(`SSL secret ${namespace}.used-cert can't be used: tls.privateKey`);
    expect(JSON.stringify(broken.body)).not.toMatch(/not a key|BEGIN|bm90IGEga2V5/);
    expect((await patch("used-cert", { metadata: { labels: { a: "b" } } })).status).toBe(200);
    expect((await patch("unused-cert", content)).status).toBe(200);
    expect((await cluster().api("DELETE", secrets("unused-cert"))).status).toBe(200);
    expect((await create("virtualservices", "no-cert", secure("gone"))).body.message).toContain(
      `SSL secret not found: list did not find secret ${namespace}.gone`,
    );
  });

  it("refuses to have a certificate that is in use read in another way", async () => {
    const pem = (file: string): string => readFileSync(join(authority.folder, file), "utf8");
    const annotations = { resource_kind: "*v1.Secret" };
    const tls = stringify({ certChain: pem("first.pem"), privateKey: pem("first.key") });
    await cluster().apiOk("POST", secrets(), { metadata: { name: "as-yaml", annotations }, stringData: { tls } });
    const user = { metadata: { name: "as-yaml", namespace }, ...secure("as-yaml") };
    await writeTree(folder, { [`config/virtualservices/${namespace}/as-yaml.yaml`]: JSON.stringify(user) });
    const contentType = "application/merge-patch+json";
    const annotate = (changed: object) => {
      const body = { metadata: { annotations: changed } };
      return cluster().api("PATCH", `${secrets("as-yaml")}?dryRun=All`, body, { contentType });
    };
    await waitFor(async () => (await annotate({ resource_kind: null })).status === 400);
    expect((await annotate({ resource_kind: "other" })).body.message).toContain(
      `SSL secret ${namespace}.as-yaml can't be used: header: it is one of type header`,
    );
    expect((await annotate({ team: "shop" })).status).toBe(200);
  });

  it("lets a certificate go that another of the sources of secrets has, too", async () => {
    const { stringData } = tlsSecret("used-cert");
    const tls = { certChain: stringData["tls.crt"], privateKey: stringData["tls.key"] };
    const metadata = { name: "used-cert", namespace };
    await writeTree(folder, { [`more/${namespace}/used-cert.yaml`]: JSON.stringify({ metadata, tls }) });
    const isLetGo = async (): Promise<boolean> =>
      (await cluster().api("DELETE", `${secrets("used-cert")}?dryRun=All`)).status === 200;
    expect(await isLetGo()).toBe(false);
    await settings(
      "alwaysAccept: false",
      "secretOptions: {sources: [{kubernetes: {}}, {directory: {directory: more}}]}",
    );
    await waitFor(isLetGo);
    // While sources are read anew, everything is let in.
    await waitFor(() => isRefused("gateways", { bindAddress: "::", bindPort: 8080 }));
    expect(await isLetGo()).toBe(true);
  });

  it("takes a certificate that isn't there for a warning if the settings say so, and lets delete it where all is let in", async () => {
    const isLate = (): Promise<boolean> => isRefused("virtualservices", secure("late"));
    await settings("alwaysAccept: false");
    await waitFor(isLate);
    await settings("alwaysAccept: false\n    warnMissingTlsSecret: true");
    await waitFor(async () => !(await isLate()));
    await settings("alwaysAccept: false\n    warnMissingTlsSecret: true\n    allowWarnings: false");
    await waitFor(isLate);
    await settings("alwaysAccept: true");
    await waitFor(async () => !(await isLate()));
    expect((await cluster().api("DELETE", `${secrets("used-cert")}?dryRun=All`)).status).toBe(200);
  });

  it("takes up other settings at once: warnings may be refused, or everything be let in", async () => {
    await settings("alwaysAccept: false");
    await waitFor(() => isRefused("gateways", { bindAddress: "::", bindPort: 8080 }));
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
