import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Petstore, startPetstore } from "../../scripts/petstore.ts";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { startChild } from "../support/child.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { waitFor } from "../support/wait-for.ts";
import { glooBootstrap } from "./support/gloo-bootstrap.ts";
import { writeTree } from "./support/gloo-file-example.ts";
import { get, untilServed } from "./support/served.ts";

const pets = '[{"id":1,"name":"Dog","status":"available"},{"id":2,"name":"Cat","status":"pending"}]';

const settings = (consul: string): string => `
metadata: {name: default, namespace: gloo-system}
discoveryNamespace: gloo-system
refreshRate: 15s
gloo: {xdsBindAddr: "127.0.0.1:0"}
consul: {address: "${consul}", serviceDiscovery: {}}
consulKvSource: {}
consulKvArtifactSource: {}
directorySecretSource: {directory: secret}
`;

/** As Gloo's guide stores it, under the namespace's own key. */
const gateway = (port: number): string => `
metadata: {name: gateway-proxy, namespace: gloo-system}
bindAddress: '127.0.0.1'
bindPort: ${port}
httpGateway: {}
proxyNames: [gateway-proxy]
ssl: false
useProxyProto: false
`;

async function epoxy(consul: RunningConsul, ...args: readonly string[]): Promise<string> {
  const main = join(import.meta.dirname, "../../src/cli/main.ts");
  const child = startChild("node", [main, ...args, "--use-consul", "--consul-address", consul.address]);
  const code = await waitFor(() => child.ended(), { timeout: 20_000 });
  if (code !== "0") throw new Error(`epoxy ${args.join(" ")} ended with ${code}:\n${child.output()}`);
  return child.output();
}

describe("Gloo's docker-compose-consul walk-through, with a real Consul and a real Envoy", () => {
  let folder: string;
  let port: number;
  let consul: RunningConsul;
  let stores: readonly Petstore[] = [];
  let controlPlane: ControlPlane;
  let envoy: RunningEnvoy;
  const kv = async (key: string): Promise<string> => (await consul.api("GET", `/v1/kv/gloo/${key}?raw`)).body;
  /** Which instances answer, out of many requests. */
  const instances = async (): Promise<string[]> => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(port, "/all-pets")));
    return [...new Set(answers.map(({ status, headers }) => `${status} ${String(headers["x-petstore"])}`))].toSorted();
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-consul-"));
    port = await freePort();
    [consul, ...stores] = await Promise.all([
      startConsul(),
      startPetstore({ instance: "one" }),
      startPetstore({ instance: "two" }),
    ]);
    await writeTree(folder, { "gloo-system/default.yaml": settings(consul.address) });
    await consul.api("PUT", "/v1/kv/gloo/gateway.solo.io/v1/Gateway/gloo-system", gateway(port));
    controlPlane = await createControlPlane({ dataDirectory: folder });
    envoy = await startEnvoy({ bootstrap: glooBootstrap(controlPlane.xdsAddress?.port ?? 0) });
  }, 120_000);
  afterAll(async () => {
    await envoy?.stop();
    await controlPlane?.close();
    await Promise.all(stores.map((store) => store.close()));
    await consul?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("finds a registered service and stores an Upstream for it, Accepted", async () => {
    await consul.register({ ID: "petstore1", Name: "petstore", Address: "127.0.0.1", Port: stores[0]?.port ?? 0 });
    const upstream = await waitFor(async () => {
      const value = await kv("gloo.solo.io/v1/Upstream/gloo-system/petstore");
      return value.includes("state: Accepted") ? value : undefined;
    });
    expect(upstream).toContain("discovered_by: consulplugin");
    expect(upstream).toContain("serviceName: petstore");
    expect(upstream).toContain("reportedBy: gloo");
  });

  it("shows it in Gloo's table", async () => {
    const lines = (await epoxy(consul, "get", "upstream")).split("\n");
    expect(lines.find((line) => line.includes("UPSTREAM"))).toMatch(
      /\| +UPSTREAM +\| +TYPE +\| +STATUS +\| +DETAILS +\|/,
    );
    expect(lines.find((line) => line.startsWith("| petstore "))).toMatch(
      /^\| petstore +\| Consul +\| Accepted +\| svc name: +petstore *\|$/,
    );
  });

  it("adds a route, Pending first and Accepted soon after, that serves the pets through Envoy", async () => {
    const output = await epoxy(
      consul,
      ...["add", "route", "--path-exact", "/all-pets", "--dest-name", "petstore", "--prefix-rewrite", "/api/pets"],
    );
    expect(output).toContain("| default ");
    expect(output).toContain("Pending");
    expect(output).toContain("/all-pets ->");
    await untilServed(port, "/all-pets", { status: 200, body: pets });
    expect((await get(port, "/all-pets")).headers["server"]).toBe("envoy");
    const stored = await waitFor(async () => {
      const value = await kv("gateway.solo.io/v1/VirtualService/gloo-system/default");
      return value.includes("state: Accepted") ? value : undefined;
    });
    expect(stored).toContain("reportedBy: gateway");
    expect(stored).toMatch(
      /['"]?\*v1\.Proxy\.gloo-system\.gateway-proxy['"]?:\n +(state: Accepted\n +reportedBy: gloo|reportedBy: gloo\n +state: Accepted)/,
    );
  });

  it("takes an instance that joins into rotation, and out again when its check fails or it leaves", async () => {
    const Check = { CheckID: "two", TTL: "10m", Status: "passing" };
    await consul.register({
      ID: "petstore2",
      Name: "petstore",
      Address: "127.0.0.1",
      Port: stores[1]?.port ?? 0,
      Check,
    });
    await waitFor(async () => (await instances()).join() === "200 one,200 two");
    await consul.api("PUT", "/v1/agent/check/fail/two");
    await waitFor(async () => (await instances()).join() === "200 one");
    await consul.api("PUT", "/v1/agent/check/pass/two");
    await waitFor(async () => (await instances()).join() === "200 one,200 two");
    await consul.deregister("petstore1");
    await waitFor(async () => (await instances()).join() === "200 two");
  });

  it("shows in Envoy's own dump what was sent", async () => {
    const dump = JSON.stringify(await envoy.configDump());
    expect(dump).toContain('"name":"petstore_gloo-system"');
    expect(dump).toContain(`"name":"listener-127.0.0.1-${port}"`);
    expect(dump).toContain('"name":"gloo-system_default"');
  });
});
