import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Petstore, startPetstore } from "../../scripts/petstore.ts";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { glooBootstrap } from "./support/gloo-bootstrap.ts";
import { writeTree } from "./support/gloo-file-example.ts";
import { get, untilServed } from "./support/served.ts";

const virtualService = (routes: readonly string[]): string => `
metadata: {name: default, namespace: gloo-system}
virtualHost:
  domains: ['*']
  routes:
${routes.map((route) => `  - ${route}`).join("\n")}
`;
const toPets =
  "{matchers: [{exact: /all-pets}], options: {prefixRewrite: /api/pets}, routeAction: {single: {upstream: {name: petstore, namespace: gloo-system}}}}";
const answering = (path: string, body: string): string =>
  `{matchers: [{exact: ${path}}], directResponseAction: {status: 200, body: ${body}}}`;

describe("a Consul that fails under load", () => {
  let folder: string;
  let port: number;
  let consul: RunningConsul;
  let network: TcpProxy;
  let petstore: Petstore;
  let controlPlane: ControlPlane;
  let envoy: RunningEnvoy;
  const put = async (key: string, value: string): Promise<void> => {
    const answer = await consul.api("PUT", `/v1/kv/gloo/${key}`, value);
    expect(answer.status).toBe(200);
  };
  const load = () => startSteadyLoad({ url: `http://127.0.0.1:${port}/all-pets`, rate: 100 });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-outage-"));
    port = await freePort();
    petstore = await startPetstore();
    consul = await startConsul({ persistent: true });
    network = await startTcpProxy({ port: consul.port });
    await writeTree(folder, {
      "gloo-system/default.yaml": `
metadata: {name: default, namespace: gloo-system}
gloo: {xdsBindAddr: "127.0.0.1:0"}
consul: {address: "127.0.0.1:${network.port}", serviceDiscovery: {}}
consulKvSource: {}
`,
    });
    await put(
      "gateway.solo.io/v1/Gateway/gloo-system/gateway-proxy",
      `{metadata: {name: gateway-proxy, namespace: gloo-system}, bindAddress: 127.0.0.1, bindPort: ${port}, httpGateway: {}}`,
    );
    await put("gateway.solo.io/v1/VirtualService/gloo-system/default", virtualService([toPets]));
    await consul.register({ ID: "petstore1", Name: "petstore", Address: "127.0.0.1", Port: petstore.port });
    controlPlane = await createControlPlane({ dataDirectory: folder });
    envoy = await startEnvoy({ bootstrap: glooBootstrap(controlPlane.xdsAddress?.port ?? 0) });
    await untilServed(port, "/all-pets", { status: 200 });
  }, 120_000);
  afterAll(async () => {
    await envoy?.stop();
    await controlPlane?.close();
    await network?.close();
    await consul?.stop();
    await petstore?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("costs no request when it is killed and started again on its data, and changes arrive after", async () => {
    const running = load();
    await waitFor(() => running.report().good > 50);
    await consul.kill();
    const whenKilled = running.report().sent;
    await waitFor(() => running.report().sent > whenKilled + 100);
    await consul.start();
    await put(
      "gateway.solo.io/v1/VirtualService/gloo-system/default",
      virtualService([answering("/new", "after-restart"), toPets]),
    );
    await untilServed(port, "/new", { status: 200, body: "after-restart" }, 30_000);
    const { failed, failures, good } = await running.stop();
    expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
    expect(good).toBeGreaterThan(150);
  }, 60_000);

  it("costs no request when it is cut off while its data changes, and the changes arrive after", async () => {
    const running = load();
    await waitFor(() => running.report().good > 50);
    network.cut();
    await put(
      "gateway.solo.io/v1/VirtualService/gloo-system/default",
      virtualService([answering("/new", "while-cut-off"), toPets]),
    );
    const whenCut = running.report().sent;
    await waitFor(() => running.report().sent > whenCut + 100);
    expect((await get(port, "/new")).body).not.toBe("while-cut-off");
    network.restore();
    await untilServed(port, "/new", { status: 200, body: "while-cut-off" }, 30_000);
    const { failed, failures } = await running.stop();
    expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
  }, 60_000);

  it("wipes nothing when it comes back empty, until an operator confirms", async () => {
    const running = load();
    await waitFor(() => running.report().good > 20);
    await consul.kill();
    await consul.start({ wipe: true });
    // It answers, and is empty: what is served stays.
    await waitFor(async () => (await consul.api("GET", "/v1/status/leader")).body.length > 4, { timeout: 30_000 });
    const whenEmpty = running.report().sent;
    await waitFor(() => running.report().sent > whenEmpty + 300, { timeout: 30_000 });
    const { failed, failures } = await running.stop();
    expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
    expect((await get(port, "/new")).body).toBe("while-cut-off");
  }, 60_000);
});
