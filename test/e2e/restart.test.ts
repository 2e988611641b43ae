import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Petstore, startPetstore } from "../../scripts/petstore.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { waitFor } from "../support/wait-for.ts";
import { glooBootstrap } from "./support/gloo-bootstrap.ts";
import { glooFileExample, writeTree } from "./support/gloo-file-example.ts";
import { startServe } from "./support/serve-process.ts";
import { get, untilServed } from "./support/served.ts";

/** The example with a second gateway and Proxy, so that each of two Envoys on one machine has a listener of its own. */
const secondGateway = (port: number): string => `
bindAddress: '127.0.0.1'
bindPort: ${port}
httpGateway: {}
metadata: {name: second, namespace: gloo-system}
proxyNames: [second-proxy]
`;

describe("two Envoys on one control plane", () => {
  let folder: string;
  let petstore: Petstore;
  let envoys: readonly RunningEnvoy[] = [];
  let ports: readonly number[] = [];
  let addresses: { readonly folder: string; readonly xdsPort: number; readonly adminPort: number };
  let serve: ReturnType<typeof startServe>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-restart-"));
    petstore = await startPetstore();
    ports = [await freePort(), await freePort()];
    addresses = { folder, xdsPort: await freePort(), adminPort: await freePort() };
    await writeTree(folder, {
      ...glooFileExample({ listener: ports[0] ?? 0, petstore: petstore.port }),
      "config/gateways/gloo-system/second.yaml": secondGateway(ports[1] ?? 0),
    });
    serve = startServe(addresses);
    await serve.ready();
    envoys = await Promise.all([
      startEnvoy({ bootstrap: glooBootstrap(addresses.xdsPort) }),
      startEnvoy({ bootstrap: glooBootstrap(addresses.xdsPort, "gloo-system~second-proxy", "second-node") }),
    ]);
    for (const port of ports) await untilServed(port, "/petstore", { status: 200 });
  });
  afterAll(async () => {
    await Promise.all(envoys.map((envoy) => envoy.stop()));
    await serve?.stop();
    await petstore?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("lose no request when it is killed and started again under load, and then take up changes", async () => {
    const loads = ports.map((port) => startSteadyLoad({ url: `http://127.0.0.1:${port}/petstore`, rate: 100 }));
    await waitFor(() => loads.every((load) => load.report().good > 50));
    await serve.kill();
    const whenKilled = loads.map((load) => load.report().sent);
    await waitFor(() => loads.every((load, index) => load.report().sent > (whenKilled[index] ?? 0) + 50));
    serve = startServe(addresses);
    await serve.ready();
    await writeFile(
      join(folder, "config/virtualservices/gloo-system/after.yaml"),
      "metadata: {name: after, namespace: gloo-system}\nvirtualHost: {domains: [after.example], routes: [{directResponseAction: {status: 200, body: after}}]}\n",
    );
    for (const port of ports) {
      await waitFor(async () => (await get(port, "/", { host: "after.example" })).body === "after", {
        timeout: 30_000,
      });
    }
    const reports = await Promise.all(loads.map((load) => load.stop()));
    expect(reports.map(({ failed, failures }) => ({ failed, failures }))).toEqual([
      { failed: 0, failures: [] },
      { failed: 0, failures: [] },
    ]);
    expect(reports.every(({ good }) => good > 150)).toBe(true);
  }, 60_000);
});
