import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { typeUrls } from "../../src/xds/index.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";
import { glooBootstrap } from "./support/gloo-bootstrap.ts";
import { glooFileExample, writeTree } from "./support/gloo-file-example.ts";
import { get, untilServed } from "./support/served.ts";

const virtualService = (answer: string): string => `
metadata: {name: default, namespace: gloo-system}
virtualHost:
  domains: ['*']
  routes: [{matchers: [{prefix: /}], directResponseAction: {status: 200, body: ${answer}}}]
`;
const gateway = (port: number): string => `
metadata: {name: busy, namespace: gloo-system}
bindAddress: '127.0.0.1'
bindPort: ${port}
httpGateway: {}
proxyNames: [gateway-proxy]
`;

describe("a gateway whose port is in use on the proxy's machine", () => {
  let folder: string;
  let port: number;
  let occupant: Server;
  let controlPlane: ControlPlane;
  let envoy: RunningEnvoy;
  const status = async (): Promise<string> =>
    /^status:[^]*/m.exec(await readFile(join(folder, "config/gateways/gloo-system/busy.yaml"), "utf8"))?.[0] ?? "";
  const admin = async (path: string): Promise<string> =>
    (await httpGet(`http://127.0.0.1:${controlPlane.adminAddress?.port}${path}`)).body;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-e2e-"));
    port = await freePort();
    occupant = createServer((_, response) => response.end("occupied"));
    await new Promise<void>((resolve) => occupant.listen(0, "127.0.0.1", resolve));
    await writeTree(folder, {
      ...glooFileExample({ listener: port, petstore: 1 }),
      "config/virtualservices/gloo-system/default.yaml": virtualService("first"),
    });
    controlPlane = await createControlPlane({ dataDirectory: folder, adminAddress: { host: "127.0.0.1", port: 0 } });
    envoy = await startEnvoy({ bootstrap: glooBootstrap(controlPlane.xdsAddress?.port ?? 0) });
    await envoy.live();
    await untilServed(port, "/", { status: 200, body: "first" });
  });
  afterAll(async () => {
    await envoy?.stop();
    await controlPlane?.close();
    occupant?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("says so in its status, in Envoy's words and with a count, while all else goes on; another port is taken at once", async () => {
    const busy = (occupant.address() as AddressInfo).port;
    await writeFile(join(folder, "config/gateways/gloo-system/busy.yaml"), gateway(busy));
    const refused = await waitFor(async () => /refused by[^]*/.exec(await status())?.[0]);
    expect(refused.replace(/\s+/g, " ")).toMatch(/refused by 1 of 1 proxies of gloo-system~gateway-proxy: .*in use/);
    expect(await status()).toContain("state: Rejected");
    expect(await admin("/metrics")).toMatch(
      /epoxy_xds_quarantined\{proxy="gloo-system~gateway-proxy",type="Listener"\} 1/,
    );
    expect(JSON.parse(await admin("/debug/xds")).quarantine).toMatchObject([
      { origin: "Gateway/gloo-system/busy", refusals: [{ node: "docker-compose-node" }], spread: false },
    ]);

    const { clients } = JSON.parse(await admin("/debug/ldsz?proxyID=docker-compose-node"));
    expect(clients).toMatchObject([
      {
        proxy: "gloo-system~gateway-proxy",
        count: 1,
        resources: { [`listener-127.0.0.1-${port}`]: expect.any(String) },
        quarantined: [{ name: `listener-127.0.0.1-${busy}` }],
      },
    ]);
    expect(JSON.parse(await admin("/debug/ldsz?proxyID=another")).clients).toEqual([]);
    expect(JSON.parse(await admin("/debug/adsz"))).toMatchObject({
      totalClients: 1,
      clients: [{ proxyID: "docker-compose-node", watches: { [typeUrls.listener]: ["*"] } }],
    });

    await writeFile(join(folder, "config/virtualservices/gloo-system/default.yaml"), virtualService("second"));
    await untilServed(port, "/", { status: 200, body: "second" });

    const free = await freePort();
    await writeFile(join(folder, "config/gateways/gloo-system/busy.yaml"), gateway(free));
    await untilServed(free, "/", { status: 200, body: "second" });
    await waitFor(async () => (await status()).includes("state: Accepted"));
    expect((await get(port)).body).toBe("second");
    expect(JSON.parse(await admin("/debug/xds")).quarantine).toEqual([]);
    await waitFor(async () => /epoxy_xds_convergence_seconds_count\{.*\} [2-9]/.test(await admin("/metrics")));
    expect(await admin("/metrics")).not.toMatch(/epoxy_xds_quarantined\{.*\} 1/);
  });
});
