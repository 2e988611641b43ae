import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { cleanEnv, epoxyCommand } from "../cli/support/epoxy.ts";
import { writeTree } from "../e2e/support/gloo-file-example.ts";
import { type Child, startChild } from "../support/child.ts";
import { freePorts } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { waitFor } from "../support/wait-for.ts";
import { certificates, find, kustomizedFiles } from "./support/manifests.ts";

const cluster = useKubeCluster();

describe("the control plane of the manifests on a real API server, with their rights and Settings", () => {
  let folder: string;
  let namespace: string;
  let serving: Child;
  let admin = 0;
  const inNamespace = (kind: string) => `/apis/gateway.solo.io/v1/namespaces/${namespace}/${kind}`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-rights-"));
    const crds = join(import.meta.dirname, "../../generated/crds");
    const files = (await readdir(crds)).filter((name) => name.endsWith(".yaml"));
    await cluster().createCrds(
      await Promise.all(files.map(async (name) => parse(await readFile(join(crds, name), "utf8")))),
    );
    namespace = await cluster().namespace();
    const manifests = await kustomizedFiles();
    const token = await cluster().serviceAccount({
      namespace,
      rules: find(manifests, "Role", "epoxy").rules,
      clusterRules: find(manifests, "ClusterRole", "epoxy").rules,
    });
    const kubeconfig = await cluster().kubeconfig({ token, namespace });
    const [xds = 0, adminPort = 0, webhook = 0] = await freePorts(3);
    admin = adminPort;
    for (const name of ["epoxy-xds-tls", "epoxy-validation-tls"]) {
      const { data } = find(await certificates(join(folder, "ca")), "Secret", name);
      const texts = Object.entries<string>(data).map(([file, text]) => [file, Buffer.from(text, "base64").toString()]);
      await writeTree(join(folder, name), Object.fromEntries(texts));
    }
    const settings = parse(
      find(manifests, "ConfigMap", "epoxy-settings")
        .data["default.yaml"].replaceAll("/etc/epoxy/xds", join(folder, "epoxy-xds-tls"))
        .replaceAll("/etc/gateway/validation-certs", join(folder, "epoxy-validation-tls"))
        .replace("0.0.0.0:9977", `127.0.0.1:${xds}`)
        .replace("discoveryNamespace: gloo-system", `discoveryNamespace: ${namespace}`),
    );
    // Other tests have namespaces in this cluster, too.
    const data = { "gloo-system/default.yaml": stringify({ ...settings, watchNamespaces: [namespace] }) };
    await writeTree(join(folder, "data"), data);
    const [node, main] = epoxyCommand;
    const args = ["serve", "--dir", join(folder, "data"), "--log-level", "debug"];
    const addresses = ["--admin-address", `127.0.0.1:${admin}`, "--webhook-address", `127.0.0.1:${webhook}`];
    serving = startChild(node, [main, ...args, ...addresses], { env: cleanEnv({ KUBECONFIG: kubeconfig }) });
  }, 120_000);
  afterAll(async () => {
    await serving?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("reads, leads, writes statuses and discovered upstreams, and is refused nothing", async () => {
    const state = (error: unknown) => new Error(serving.output().slice(-3000), { cause: error });
    await waitFor(async () => (await httpGet(`http://127.0.0.1:${admin}/readyz`)).status === 200, {
      timeout: 20_000,
    }).catch((error: unknown) => Promise.reject(state(error)));
    await cluster().apiOk("POST", `/api/v1/namespaces/${namespace}/services`, {
      metadata: { name: "shop" },
      spec: { ports: [{ name: "http", port: 80 }], selector: { app: "shop" } },
    });
    await cluster().apiOk("POST", inNamespace("virtualservices"), {
      apiVersion: "gateway.solo.io/v1",
      kind: "VirtualService",
      metadata: { name: "shop", namespace },
      spec: { virtualHost: { domains: ["shop.example"], routes: [] } },
    });
    const upstream = `/apis/gloo.solo.io/v1/namespaces/${namespace}/upstreams/${namespace}-shop-80`;
    await waitFor(async () => (await cluster().api("GET", upstream)).status === 200, { timeout: 20_000 }).catch(
      (error: unknown) => Promise.reject(state(error)),
    );
    const statuses = async () =>
      (await cluster().apiOk("GET", `${inNamespace("virtualservices")}/shop`)).status?.statuses?.[namespace];
    await waitFor(async () => (await statuses()) !== undefined, { timeout: 20_000 }).catch((error: unknown) =>
      Promise.reject(state(error)),
    );
    const { items } = await cluster().apiOk("GET", `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`);
    expect(items).toHaveLength(1);
    await cluster().apiOk("DELETE", `/api/v1/namespaces/${namespace}/services/shop`);
    await waitFor(async () => (await cluster().api("GET", upstream)).status === 404, { timeout: 20_000 });
    const lines = serving.output().split("\n");
    expect(lines.filter((line) => /forbidden|Forbidden|\b403\b|not honoured/.test(line))).toEqual([]);
  });
});
