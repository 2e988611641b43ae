import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { glooBootstrap, type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";
import { writeTree } from "./support/gloo-file-example.ts";
import { impossibleUpstream, MAGLEV, refusedRegex } from "./support/refused.ts";

const ns = "namespace: gloo-system";
const virtualService = (answer: string, regex = "/.*"): string =>
  `{metadata: {name: v, ${ns}}, virtualHost: {domains: ["*"], routes: [{matchers: [{regex: '${regex}'}], directResponseAction: {status: 200, body: ${answer}}}]}}`;
const upstream = (options = ""): string =>
  `{metadata: {name: backend, ${ns}}, static: {hosts: [{addr: 127.0.0.1, port: 1}]}, ${options}}`;
const keys = {
  upstream: "gloo.solo.io/v1/Upstream/gloo-system/backend",
  virtualService: "gateway.solo.io/v1/VirtualService/gloo-system/v",
};

describe("two control planes on one Consul, each with an Envoy of the same role", () => {
  let root: string;
  let consul: RunningConsul;
  const controlPlanes: ControlPlane[] = [];
  let envoys: RunningEnvoy[] = [];
  const settings = (more = "") => ({
    "gloo-system/default.yaml": `{metadata: {name: default, ${ns}}, consul: {address: "${consul.address}"}, consulKvSource: {}, gloo: {serveAllUpstreams: true, xdsBindAddr: "127.0.0.1:0"${more}}}`,
  });
  const put = (key: string, value: string) => consul.api("PUT", `/v1/kv/gloo/${key}`, value);
  const read = async (key: string): Promise<string> => (await consul.api("GET", `/v1/kv/gloo/${key}?raw`)).body;
  const reports = async (): Promise<readonly string[]> => {
    const { status, body } = await consul.api("GET", "/v1/kv/gloo/epoxy.dev/v1/RefusalReport?keys");
    return status === 404 ? [] : (JSON.parse(body) as string[]);
  };
  const debug = async (index: number) =>
    JSON.parse((await httpGet(`http://127.0.0.1:${controlPlanes[index]?.adminAddress?.port}/debug/xds`)).body);
  const quarantine = async (index: number): Promise<{ refusals: { node: string }[]; spread: boolean }[]> =>
    (await debug(index)).quarantine;
  /** Names of what the proxy of this one isn't given as it is served. */
  const kept = async (index: number): Promise<string[]> =>
    (await debug(index)).streams.flatMap((stream: { types: { quarantined: { name: string }[] }[] }) =>
      stream.types.flatMap(({ quarantined }) => quarantined.map(({ name }) => name)),
    );
  const runs = async (index: number, text: string): Promise<boolean> =>
    (await envoys[index]?.admin("/config_dump"))?.includes(text) === true;
  const nodes = async (index: number) =>
    (await quarantine(index)).map(({ refusals }) => refusals.map(({ node }) => node).toSorted());

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "epoxy-replicas-"));
    consul = await startConsul();
    // Both Envoys may open it.
    const port = await freePort();
    await put(
      "gateway.solo.io/v1/Gateway/gloo-system/gateway",
      `{metadata: {name: gateway, ${ns}}, bindAddress: 127.0.0.1, bindPort: ${port}, httpGateway: {}, proxyNames: [gateway-proxy]}`,
    );
    await put(keys.virtualService, virtualService("old"));
    await put(keys.upstream, upstream());
    for (const name of ["a", "b"]) {
      const folder = join(root, name);
      await writeTree(folder, settings());
      controlPlanes.push(
        await createControlPlane({ dataDirectory: folder, adminAddress: { host: "127.0.0.1", port: 0 } }),
      );
    }
    envoys = await Promise.all(
      controlPlanes.map(({ xdsAddress }, index) =>
        startEnvoy({
          bootstrap: glooBootstrap({ xdsPort: xdsAddress?.port ?? 0, id: `envoy-${index}`, delta: index === 1 }),
          without: index === 1 ? [MAGLEV] : undefined,
        }),
      ),
    );
    for (const envoy of envoys) {
      await waitFor(async () => (await envoy.admin("/clusters")).includes("backend_gloo-system::"), {
        timeout: 20_000,
      });
      await waitFor(async () => (await envoy.admin("/listeners")).includes(`${port}`));
    }
  }, 60_000);
  afterAll(async () => {
    for (const envoy of envoys) await envoy.stop();
    for (const controlPlane of controlPlanes) await controlPlane.close();
    await consul?.stop();
    await rm(root, { recursive: true, force: true });
  });

  it("count together: what one refuses is told by the leader, whichever that is, and what both refuse is kept from others", async () => {
    expect(await reports()).toEqual([]);
    await put(keys.upstream, upstream(impossibleUpstream));
    // The number of the other's proxies may come a moment later.
    await waitFor(async () => /refused by 1 of 2 proxies/.test(await read(keys.upstream)));
    for (const index of [0, 1]) expect(await nodes(index)).toEqual([["envoy-1"]]);
    expect(await quarantine(0)).toMatchObject([{ spread: false }]);
    expect(await read(keys.upstream)).toContain("Warning");

    await put(keys.virtualService, virtualService("new", refusedRegex));
    await waitFor(async () => /refused by 2 of 2 proxies/.test(await read(keys.virtualService)));
    for (const index of [0, 1]) {
      await waitFor(async () => (await quarantine(index)).some(({ spread }) => spread));
      expect(await nodes(index)).toEqual(expect.arrayContaining([["envoy-0", "envoy-1"]]));
    }
    expect(await reports()).toHaveLength(2);
  });

  it("when all is mended, the statuses say so and nothing of it stays in Consul", async () => {
    await put(keys.upstream, upstream());
    await put(keys.virtualService, virtualService("mended"));
    for (const key of Object.values(keys)) await waitFor(async () => (await read(key)).includes("Accepted"));
    await waitFor(async () => (await reports()).length === 0);
    for (const index of [0, 1]) expect(await quarantine(index)).toEqual([]);
  });

  it("with a canary, what is new goes to one Envoy of all first: the other replica's has it after its ACK, and never what it refuses", async () => {
    for (const name of ["a", "b"]) await writeTree(join(root, name), settings(", canary: {timeout: 60s}"));
    const told = async () => (await Promise.all((await reports()).map((key) => read(key.replace("gloo/", ""))))).join();
    await waitFor(async () => /first: envoy-0/.test(await told()) && /first: envoy-1/.test(await told()));
    process.kill(envoys[0]?.pid ?? 0, "SIGSTOP");
    await put(keys.virtualService, virtualService("tried"));
    await waitFor(async () => (await kept(1)).length > 0);
    expect(await runs(1, "mended")).toBe(true);
    process.kill(envoys[0]?.pid ?? 0, "SIGCONT");
    for (const index of [0, 1]) await waitFor(() => runs(index, "tried"));

    await put(keys.virtualService, virtualService("refused", refusedRegex));
    await waitFor(async () =>
      /refused by 1 of 2 proxies .*kept from/.test((await read(keys.virtualService)).replace(/\s+/g, " ")),
    );
    await waitFor(async () => (await quarantine(1)).some(({ spread }) => spread));
    expect(await nodes(1)).toEqual([["envoy-0"]]);
    expect(await runs(1, "tried")).toBe(true);
  });
});
