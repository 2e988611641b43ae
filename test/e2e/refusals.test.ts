import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { glooBootstrap, type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";
import { writeTree } from "./support/gloo-file-example.ts";
import { impossibleUpstream, MAGLEV, refusedRegex } from "./support/refused.ts";
import { get } from "./support/served.ts";

const COUNT = 1000;
const host = (index: number): string => `h${index}.test`;
/** With the status that it gets, so that the test needn't wait for a thousand of them to be written. */
const virtualService = (index: number, answer: string, regex = "/.*"): string => `
metadata: {name: v${index}, namespace: gloo-system}
virtualHost:
  domains: [${host(index)}]
  routes: [{matchers: [{regex: '${regex}'}], directResponseAction: {status: 200, body: ${answer}}}]
status:
  state: Accepted
  reportedBy: gateway
  subresourceStatuses: {"*v1.Proxy.gloo-system.gateway-proxy": {state: Accepted, reportedBy: gloo}}
`;
const upstream = (options = ""): string => `
metadata: {name: backend, namespace: gloo-system}
static: {hosts: [{addr: 127.0.0.1, port: 1}]}
${options}
`;

/*
 * Our own checks find almost everything that Envoy refuses. What is left are things that they can't know: a script that is newer than
 * Envoy's Unicode, and an Envoy that was built without an extension.
 */
describe("what Envoy refuses of a thousand virtual hosts in one table and an upstream, all in files", () => {
  let folder: string;
  let port: number;
  let controlPlane: ControlPlane;
  let envoy: RunningEnvoy;
  const logged: string[] = [];
  const pathOf = (kind: string, name: string): string => join(folder, `config/${kind}/gloo-system/${name}.yaml`);
  const save = (index: number, text: string) => writeFile(pathOf("virtualservices", `v${index}`), text);
  const status = async (kind: string, name: string): Promise<string> =>
    (/^status:[^]*/m.exec(await readFile(pathOf(kind, name), "utf8"))?.[0] ?? "").replace(/\s+/g, " ");
  const metrics = async (): Promise<string> =>
    (await httpGet(`http://127.0.0.1:${controlPlane.adminAddress?.port}/metrics`)).body;
  const answer = async (index: number): Promise<string> => (await get(port, "/", { host: host(index) })).body;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-refusals-"));
    port = await freePort();
    const services = Array.from({ length: COUNT }, (_, index) => [
      `config/virtualservices/gloo-system/v${index}.yaml`,
      virtualService(index, "old"),
    ]);
    await writeTree(folder, {
      "gloo-system/default.yaml": `
metadata: {name: default, namespace: gloo-system}
directoryConfigSource: {directory: config}
gloo: {xdsBindAddr: "127.0.0.1:0", disableScopedRoutes: true, serveAllUpstreams: true}
`,
      "config/gateways/gloo-system/gateway.yaml": `
metadata: {name: gateway, namespace: gloo-system}
bindAddress: 127.0.0.1
bindPort: ${port}
httpGateway: {}
proxyNames: [gateway-proxy]
`,
      "config/upstreams/gloo-system/backend.yaml": upstream(),
      ...Object.fromEntries(services),
    });
    const log = (_: object, message: string) => void logged.push(message);
    controlPlane = await createControlPlane({
      dataDirectory: folder,
      adminAddress: { host: "127.0.0.1", port: 0 },
      logger: { debug() {}, info: log, warn: log, error: log },
    });
    envoy = await startEnvoy({
      bootstrap: glooBootstrap({ xdsPort: controlPlane.xdsAddress?.port ?? 0, id: "envoy-1" }),
      without: [MAGLEV],
    });
    await waitFor(async () => (await answer(COUNT - 1)) === "old", { timeout: 30_000 });
  }, 60_000);
  afterAll(async () => {
    await envoy?.stop();
    await controlPlane?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("is found, told to the user with Envoy's words, and costs nobody else anything; a repair is taken at once", async () => {
    await Promise.all([save(700, virtualService(700, "new", refusedRegex)), save(1, virtualService(1, "new"))]);
    await waitFor(async () => (await answer(1)) === "new");
    const refused = await waitFor(async () => /refused by.*/.exec(await status("virtualservices", "v700"))?.[0]);
    expect(refused).toMatch(/refused by 1 of 1 proxies of gloo-system~gateway-proxy: regex .*Garay/);
    expect([await answer(0), await answer(700), await answer(999)]).toEqual(["old", "old", "old"]);
    expect(await metrics()).toMatch(
      /epoxy_xds_quarantined\{proxy="gloo-system~gateway-proxy",type="RouteConfiguration"\} 1/,
    );
    expect(logged.some((it) => it.startsWith("refused by 1 of 1 proxies"))).toBe(true);
    expect(await status("virtualservices", "v1")).not.toContain("refused");

    await save(700, virtualService(700, "mended"));
    await waitFor(async () => (await answer(700)) === "mended");
    await waitFor(async () => (await status("virtualservices", "v700")).includes("state: Accepted"));
    expect(await metrics()).not.toMatch(/epoxy_xds_quarantined\{.*\} 1/);
  });

  it("two at once, a route and a cluster that is impossible there: each is told what is wrong with it", async () => {
    await Promise.all([
      save(3, virtualService(3, "new", refusedRegex)),
      writeFile(pathOf("upstreams", "backend"), upstream(impossibleUpstream)),
      save(4, virtualService(4, "new")),
    ]);
    await waitFor(async () => (await answer(4)) === "new");
    await waitFor(async () => /refused by 1 of 1 .*Garay/.test(await status("virtualservices", "v3")));
    await waitFor(async () => /refused by 1 of 1 .*MAGLEV/.test(await status("upstreams", "backend")));
    expect([await answer(3), await answer(0)]).toEqual(["old", "old"]);
    expect(await envoy.admin("/clusters")).toContain("backend_gloo-system::");

    await Promise.all([save(3, virtualService(3, "mended")), writeFile(pathOf("upstreams", "backend"), upstream())]);
    await waitFor(async () => (await answer(3)) === "mended");
    await waitFor(async () => (await status("upstreams", "backend")).includes("state: Accepted"));
    await waitFor(async () => (await status("virtualservices", "v3")).includes("state: Accepted"));
  });
});
