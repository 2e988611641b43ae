import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { kinds } from "../../generated/sdk/index.ts";
import { startPetstore } from "../../scripts/petstore.ts";
import { startChild } from "../support/child.ts";
import { glooBootstrap, type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePorts } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import type { PolicyRule } from "../support/kubernetes/cluster-access.ts";
import { generatedCrds } from "../support/kubernetes/crds.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { waitFor } from "../support/wait-for.ts";
import { type ServeProcess, startServe } from "./support/serve-process.ts";

vi.setConfig({ hookTimeout: 240_000 });

const native = new Set(["Secret", "Artifact"]);
const custom = kinds.filter(({ kind }) => !native.has(kind));
const read = ["get", "list", "watch"];
/** All that `epoxy serve` needs in the namespaces that it looks at, and writes to. */
const rules: readonly PolicyRule[] = [
  ...[...new Set(custom.map(({ group }) => group))].map((group) => ({
    apiGroups: [group],
    resources: custom.filter((kind) => kind.group === group).map(({ plural }) => plural),
    verbs: read,
  })),
  {
    apiGroups: [...new Set(custom.map(({ group }) => group))],
    resources: custom.filter(({ hasStatus }) => hasStatus).map(({ plural }) => `${plural}/status`),
    verbs: ["patch"],
  },
  { apiGroups: ["gloo.solo.io"], resources: ["upstreams"], verbs: ["create", "update", "delete"] },
  { apiGroups: ["epoxy.dev"], resources: ["refusalreports"], verbs: ["create", "update", "delete"] },
  { apiGroups: [""], resources: ["secrets", "services", "pods"], verbs: ["list", "watch"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "list", "watch", "create", "update"] },
];

describe("a control plane on Kubernetes, with the least rights", () => {
  const cluster = useKubeCluster();
  let ports: readonly number[] = [];
  let namespace = "";
  let kubeconfig = "";
  let serve: ServeProcess | undefined;
  let envoy: RunningEnvoy | undefined;
  let petstore: Awaited<ReturnType<typeof startPetstore>> | undefined;

  /** Runs `epoxy` with all rights on the resources' namespace. */
  async function epoxy(...args: readonly string[]): Promise<string> {
    const { code, output } = await run(args);
    if (code !== "0") throw new Error(`epoxy ${args.join(" ")} ended with ${code}: ${output}`);
    return output;
  }
  async function run(args: readonly string[]) {
    const child = startChild("node", ["src/cli/main.ts", ...args, "--use-kubernetes", "--kubeconfig", kubeconfig]);
    const code = await waitFor(() => child.ended(), { timeout: 30_000 });
    return { code, output: child.output() };
  }
  const path = (plural: string, name: string): string =>
    `/apis/gateway.solo.io/v1/namespaces/${namespace}/${plural}/${name}`;

  beforeAll(async () => {
    await cluster().createCrds(generatedCrds(...custom));
    namespace = await cluster().namespace();
    ports = await freePorts(3);
    petstore = await startPetstore();
    kubeconfig = await cluster().kubeconfig();
    const apiVersion = "gloo.solo.io/v1";
    const spec = { discoveryNamespace: namespace, watchNamespaces: [namespace] };
    const settings = { apiVersion, kind: "Settings", metadata: { name: "default" }, spec };
    await cluster().apiOk("POST", `/apis/gloo.solo.io/v1/namespaces/${namespace}/settings`, settings);
    const gateway = {
      apiVersion: "gateway.solo.io/v1",
      kind: "Gateway",
      metadata: { name: "gateway-proxy" },
      spec: { bindAddress: "127.0.0.1", bindPort: ports[0], httpGateway: {} },
    };
    await cluster().apiOk("POST", `/apis/gateway.solo.io/v1/namespaces/${namespace}/gateways`, gateway);
    const token = await cluster().serviceAccount({ namespace, rules });
    const args = ["--use-kubernetes", "--kubeconfig", await cluster().kubeconfig({ token }), "-n", namespace];
    const [, adminPort = 0, xdsPort = 0] = ports;
    serve = startServe({ folder: cluster().address.folder, xdsPort, adminPort, args });
    await serve.ready(40_000);
    const bootstrap = glooBootstrap({ xdsPort, role: `${namespace}~gateway-proxy` });
    envoy = await startEnvoy({ bootstrap });
  });
  afterAll(async () => {
    await envoy?.stop();
    await serve?.stop();
    await petstore?.[Symbol.asyncDispose]();
  });

  it("serves what the command line writes there, and reports in the custom resources' statuses", async () => {
    await epoxy(
      "create",
      "upstream",
      "static",
      "pets",
      "-n",
      namespace,
      "--static-hosts",
      `127.0.0.1:${petstore?.port}`,
    );
    await epoxy(
      "add",
      "route",
      "-n",
      namespace,
      "--path-prefix",
      "/api",
      "--dest-name",
      "pets",
      "--dest-namespace",
      namespace,
    );
    const url = `http://127.0.0.1:${ports[0]}/api/pets`;
    await waitFor(async () => (await httpGet(url)).status === 200, { timeout: 20_000 });
    const service = await waitFor(async () => {
      const object = await cluster().apiOk("GET", path("virtualservices", "default"));
      return object.status?.statuses?.[namespace]?.state === "Accepted" && object;
    });
    expect(service.metadata.generation).toBe(1);
    expect(await epoxy("get", "vs", "-n", namespace)).toMatch(/default .*Accepted/);
    // Its Settings watch its own namespace alone: what other tests have in the cluster doesn't count.
    expect(await epoxy("check", "-n", namespace)).toMatch(/^No problems found in \d+ resources/);
  });

  it("says in the status what is wrong, and keeps what works", async () => {
    const contentType = "application/merge-patch+json";
    const routes = [
      { matchers: [{ prefix: "/" }], routeAction: { single: { upstream: { name: "none", namespace } } } },
    ];
    await cluster().apiOk(
      "PATCH",
      path("virtualservices", "default"),
      { spec: { virtualHost: { routes } } },
      { contentType },
    );
    const reason = await waitFor(async () => {
      const { status } = await cluster().apiOk("GET", path("virtualservices", "default"));
      return status.statuses[namespace].state !== "Accepted" && (status.statuses[namespace].reason as string);
    });
    expect(reason).toMatch(/none/);
    const checked = await run(["check", "-n", namespace]);
    expect(checked.code).toBe("1");
    expect(checked.output).toContain(`${namespace}/default`);
    const lease = await cluster().apiOk(
      "GET",
      `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/epoxy-leader`,
    );
    expect(lease.spec.holderIdentity).toContain(`process ${serve?.pid}`);
  });

  it("says at /readyz why it can't read its Settings, and reads them once it may", async () => {
    const token = await cluster().serviceAccount({ namespace });
    const weak = await cluster().kubeconfig({ token });
    const [adminPort = 0, xdsPort = 0] = await freePorts(2);
    const args = ["--use-kubernetes", "--kubeconfig", weak, "-n", namespace, "--state-dir", "none"];
    await using blind = startServe({ folder: cluster().address.folder, xdsPort, adminPort, args });
    const readyz = () => httpGet(`http://127.0.0.1:${adminPort}/readyz`).catch(() => undefined);
    const told = await waitFor(async () => {
      const answer = await readyz();
      return answer?.body.includes("can't be read") && answer;
    });
    expect(told.status).toBe(503);
    expect(told.body).toMatch(/the settings can't be read: .*403 .*cannot list resource "settings"/);
    const account = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString())
      .sub.split(":")
      .at(-1);
    const role = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles/${account}`;
    await cluster().apiOk("PATCH", role, { rules }, { contentType: "application/merge-patch+json" });
    await blind.ready(30_000);
  });

  it("was refused nothing", () => {
    expect(serve?.output()).not.toMatch(/forbidden|403/);
  });
});
