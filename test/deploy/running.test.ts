import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { findOrFetch } from "../../scripts/binaries.ts";
import { cleanEnv, epoxyCommand } from "../cli/support/epoxy.ts";
import { writeTree } from "../e2e/support/gloo-file-example.ts";
import { type Child, startChild } from "../support/child.ts";
import { freePorts } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";
import { certificates, find, kustomizedFiles } from "./support/manifests.ts";

/** What the pods would run, as they would run it, on this machine: with its paths, ports and addresses. */
describe("the pods of the manifests", () => {
  let folder: string;
  let serving: Child;
  let envoy: Child;
  let probes = 0;
  let http = 0;
  let admin = 0;
  let settings: any;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-pods-"));
    const [xds = 0, epoxyAdmin = 0, envoyAdmin = 0, probePort = 0, httpPort = 0] = await freePorts(5);
    [probes, http, admin] = [probePort, httpPort, epoxyAdmin];
    const manifests = await kustomizedFiles();
    const issued = await certificates(join(folder, "ca"));
    for (const name of ["epoxy-xds-tls", "gateway-proxy-xds-tls"]) {
      const data = Object.entries(find(issued, "Secret", name).data as Record<string, string>);
      await writeTree(join(folder, name), Object.fromEntries(data.map(([file, text]) => [file, fromBase64(text)])));
    }
    settings = parse(find(manifests, "ConfigMap", "epoxy-settings").data["default.yaml"]);
    // Resources are files here, and nobody asks the webhook.
    for (const source of ["Config", "Secret", "Artifact"]) delete settings[`kubernetes${source}Source`];
    delete settings.gateway;
    settings.gloo.xdsBindAddr = `127.0.0.1:${xds}`;
    const { tls } = settings.gloo.xds;
    for (const field of Object.keys(tls))
      tls[field] = tls[field].replace("/etc/epoxy/xds", join(folder, "epoxy-xds-tls"));
    await mountSettings(settings);
    await writeTree(join(folder, "data"), {
      "config/gateways/gloo-system/gateway-proxy.yaml": `metadata: {name: gateway-proxy, namespace: gloo-system}
bindAddress: 127.0.0.1
bindPort: ${http}
httpGateway: {}
proxyNames: [gateway-proxy]
`,
      "config/virtualservices/gloo-system/default.yaml": `metadata: {name: default, namespace: gloo-system}
virtualHost:
  domains: ["*"]
  routes: [{matchers: [{prefix: /}], directResponseAction: {status: 200, body: served}}]
`,
    });
    const ofEpoxy = find(manifests, "Deployment", "epoxy").spec.template.spec.containers[0];
    const [node, main] = epoxyCommand;
    const args = ofEpoxy.args.map((it: string) =>
      it.replace("/var/lib/epoxy", join(folder, "data")).replace("0.0.0.0:9091", `127.0.0.1:${admin}`),
    );
    serving = startChild(node, [main, ...args], { env: cleanEnv() });

    const bootstrap = parse(
      find(manifests, "ConfigMap", "gateway-proxy-bootstrap")
        .data["envoy.yaml"].replaceAll("/etc/envoy-xds", join(folder, "gateway-proxy-xds-tls"))
        .replaceAll("port_value: 19000", `port_value: ${envoyAdmin}`)
        .replace("port_value: 9977", `port_value: ${xds}`)
        .replace("address: epoxy.gloo-system.svc", "address: 127.0.0.1")
        .replace("port_value: 8082", `port_value: ${probes}`),
    );
    await writeFile(join(folder, "envoy.yaml"), stringify(bootstrap));
    const ofEnvoy = find(manifests, "Deployment", "gateway-proxy").spec.template.spec.containers[0];
    const envoyArgs = ofEnvoy.args.map((it: string) =>
      it.replace("/etc/envoy/", `${folder}/`).replace("$(POD_NAME)", "gateway-proxy-7d9f-abcde"),
    );
    const shared = ["--disable-hot-restart", "--use-dynamic-base-id", "--concurrency", "1"];
    envoy = startChild(await findOrFetch("envoy"), [...envoyArgs, ...shared]);
  });
  afterAll(async () => {
    await envoy?.stop();
    await serving?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** As the kubelet mounts a ConfigMap, and exchanges it: links to a folder that a link names. */
  async function mountSettings(content: object): Promise<void> {
    const mount = join(folder, "data", "gloo-system");
    const version = `..${performance.now()}`;
    await mkdir(join(mount, version), { recursive: true });
    await writeFile(join(mount, version, "default.yaml"), stringify(content));
    await symlink(version, join(mount, "..data_tmp"));
    await rename(join(mount, "..data_tmp"), join(mount, "..data"));
    await symlink(join("..data", "default.yaml"), join(mount, "default.yaml")).catch(() => undefined);
  }
  const page = async (port: number, path: string, method = "GET") =>
    await httpGet(`http://127.0.0.1:${port}${path}`, { method });
  const state = () => `${serving.output().slice(-2000)}\n${envoy.output().slice(-2000)}`;

  it("find each other by mutual TLS, under the rule for the proxies' certificate, and serve", async () => {
    await waitFor(async () => (await page(http, "/")).body === "served", { timeout: 15_000 }).catch(
      (error: unknown) => {
        throw new Error(state(), { cause: error });
      },
    );
    const { clients } = JSON.parse((await page(admin, "/debug/adsz")).body);
    expect(clients).toMatchObject([{ proxyID: "gateway-proxy-7d9f-abcde", proxy: "gloo-system~gateway-proxy" }]);
  });

  it("answer their probes, and Envoy's pages but those two not", async () => {
    expect((await page(admin, "/readyz")).status).toBe(200);
    expect((await page(admin, "/healthz")).status).toBe(200);
    expect((await page(probes, "/ready")).status).toBe(200);
    expect((await page(probes, "/metrics")).body).toContain("envoy_server_live");
    for (const path of ["/quitquitquit", "/config_dump", "/", "/stats/prometheus"]) {
      expect((await page(probes, path)).status).toBe(404);
      expect((await page(probes, path, "POST")).status).toBe(404);
    }
    expect((await page(probes, "/ready", "POST")).status).toBe(404);
  });

  it("go by a ConfigMap that is exchanged", async () => {
    await mountSettings({ ...settings, linkerd: true });
    await waitFor(() => serving.output().includes("Settings field linkerd is not honoured"), { timeout: 15_000 });
    expect((await page(http, "/")).body).toBe("served");
    expect(await readFile(join(folder, "data", "gloo-system", "default.yaml"), "utf8")).toContain("linkerd: true");
  });
});

const fromBase64 = (text: string): string => Buffer.from(text, "base64").toString();
