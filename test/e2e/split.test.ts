import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";
import { glooBootstrap } from "./support/gloo-bootstrap.ts";
import { writeTree } from "./support/gloo-file-example.ts";
import { get } from "./support/served.ts";

const answering = (body: string): string => `
metadata: {name: default, namespace: gloo-system}
virtualHost: {routes: [{matchers: [{prefix: /}], directResponseAction: {status: 200, body: ${body}}}]}
`;

describe("a control plane split over two processes on one folder", () => {
  let folder: string;
  let port: number;
  let gateway: ControlPlane;
  let xds: ControlPlane;
  let envoy: RunningEnvoy;
  const file = (name: string): string => join(folder, "config", name);
  const proxyFile = "proxies/gloo-system/gateway-proxy.yaml";
  const until = (body: string) => waitFor(async () => (await get(port)).body === body);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-split-"));
    port = await freePort();
    await writeTree(folder, {
      "config/gateways/gloo-system/public.yaml": `
metadata: {name: public, namespace: gloo-system}
bindAddress: 127.0.0.1
bindPort: ${port}
httpGateway: {}
`,
      "config/virtualservices/gloo-system/default.yaml": answering("first"),
    });
    const local = { host: "127.0.0.1", port: 0 };
    gateway = await createControlPlane({ dataDirectory: folder, components: ["gateway"], adminAddress: local });
    xds = await createControlPlane({
      dataDirectory: folder,
      components: ["xds"],
      xdsAddress: local,
      adminAddress: local,
    });
    envoy = await startEnvoy({ bootstrap: glooBootstrap(xds.xdsAddress?.port ?? 0) });
    await until("first");
  });
  afterAll(async () => {
    await envoy?.stop();
    await xds?.close();
    await gateway?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("hands Proxies over through the storage, marked as made by gateways", async () => {
    expect(gateway.xdsAddress).toBeUndefined();
    expect(await readFile(file(proxyFile), "utf8")).toContain("created_by: gateway");
    await writeFile(file("virtualservices/gloo-system/default.yaml"), answering("second"));
    await until("second");
  });

  it("writes each status by the process that judges", async () => {
    await waitFor(async () => (await readFile(file(proxyFile), "utf8")).includes("reportedBy: gloo"));
    await waitFor(async () => {
      const text = await readFile(file("virtualservices/gloo-system/default.yaml"), "utf8");
      return text.includes("reportedBy: gateway") && text.includes("state: Accepted");
    });
  });

  it("deletes the stored Proxy with the last virtual service, and Envoy stops listening", async () => {
    await rm(file("virtualservices/gloo-system/default.yaml"));
    await waitFor(async () => (await readFile(file(proxyFile), "utf8").catch(() => "gone")) === "gone");
    await waitFor(async () => (await get(port)).status === 0);
  });

  it("tells operators how it is", async () => {
    const admin = async (controlPlane: ControlPlane, path: string) =>
      httpGet(`http://127.0.0.1:${controlPlane.adminAddress?.port}${path}`);
    for (const controlPlane of [gateway, xds]) {
      expect((await admin(controlPlane, "/healthz")).status).toBe(200);
      expect((await admin(controlPlane, "/readyz")).status).toBe(200);
      expect((await admin(controlPlane, "/nowhere")).status).toBe(404);
    }
    const metrics = (await admin(xds, "/metrics")).body;
    expect(metrics).toMatch(/^epoxy_xds_streams [1-9]/m);
    expect(metrics).toMatch(/^epoxy_xds_acks_total\{type="Listener"\} [1-9]/m);
    const debug = JSON.parse((await admin(xds, "/debug/xds")).body) as { streams: { node?: { id: string } }[] };
    expect(debug.streams.map(({ node }) => node?.id)).toContain("docker-compose-node");
  });
});

describe("a control plane whose address is taken", () => {
  it("says which, and what to do", async () => {
    const folder = await mkdtemp(join(tmpdir(), "epoxy-port-"));
    const first = await createControlPlane({ dataDirectory: folder, xdsAddress: { host: "127.0.0.1", port: 0 } });
    const port = first.xdsAddress?.port ?? 0;
    try {
      await expect(
        createControlPlane({ dataDirectory: folder, xdsAddress: { host: "127.0.0.1", port } }),
      ).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining(`127.0.0.1:${port}`) as string });
    } finally {
      await first.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
