import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Petstore, startPetstore } from "../../scripts/petstore.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { glooBootstrap, type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { waitFor } from "../support/wait-for.ts";
import { writeTree } from "./support/gloo-file-example.ts";
import { type ServeProcess, startServe } from "./support/serve-process.ts";
import { get } from "./support/served.ts";

/*
 * Consul's least session TTL is 10 s, and a leader that is killed is succeeded after as long: the two kills here cost that time each.
 */

interface Replica {
  readonly folder: string;
  readonly xdsPort: number;
  readonly adminPort: number;
}

const gateway = (name: string, port: number): string =>
  `{metadata: {name: ${name}, namespace: gloo-system}, bindAddress: 127.0.0.1, bindPort: ${port}, httpGateway: {}, proxyNames: [${name}]}`;
const virtualService = (name: string, domain: string, action: string): string =>
  `{metadata: {name: ${name}, namespace: gloo-system}, virtualHost: {domains: ["${domain}"], routes: [${action}]}}`;
const toPets =
  "{matchers: [{exact: /pets}], options: {prefixRewrite: /api/pets}, routeAction: {single: {upstream: {name: petstore, namespace: gloo-system}}}}";

/** Gloo's bootstrap with all replicas in its cluster. */
function bootstrap(replicas: readonly Replica[], role: string, delta: boolean): object {
  const single = glooBootstrap({ xdsPort: 1, role, id: role, delta });
  const endpoints = replicas.map(({ xdsPort }) => ({
    endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: xdsPort } } },
  }));
  return JSON.parse(JSON.stringify(single), (key, value) => (key === "lb_endpoints" ? endpoints : value)) as object;
}

describe("two control planes on one Consul, behind two Envoys, one of them on delta", () => {
  let root: string;
  let consul: RunningConsul;
  let petstore: Petstore;
  let ports: readonly number[];
  let replicas: readonly Replica[];
  let serving: (ServeProcess | undefined)[] = [];
  let envoys: readonly RunningEnvoy[] = [];
  let marks = 0;

  const put = (name: string, value: string) => consul.api("PUT", `/v1/kv/gloo/${name}`, value);
  const start = async (index: number): Promise<void> => {
    const process = startServe(replicas[index] as Replica);
    serving[index] = process;
    await process.ready(60_000);
  };
  const admin = async (index: number, path: string): Promise<string> =>
    (await httpGet(`http://127.0.0.1:${replicas[index]?.adminPort}${path}`)).body;
  /** Responses that a replica has sent, by type. */
  const sent = async (index: number): Promise<Record<string, number>> => {
    const lines = [...(await admin(index, "/metrics")).matchAll(/^epoxy_xds_responses_total\{type="(\w+)"\} (\d+)$/gm)];
    return Object.fromEntries(lines.map(([, type, count]) => [type, Number(count)]));
  };
  /** Waits until both Envoys have asked a replica for everything that they run on. */
  const connected = async (index: number): Promise<void> => {
    const types = ["Cluster", "Listener", "RouteConfiguration", "ScopedRouteConfiguration"];
    await waitFor(
      async () => {
        const { streams } = JSON.parse(await admin(index, "/debug/xds")) as {
          streams: { types: { typeUrl: string }[] }[];
        };
        const asked = streams.map((stream) => stream.types.map(({ typeUrl }) => typeUrl.split(".").at(-1)));
        return asked.length === 2 && asked.every((has) => types.every((type) => has.includes(type)));
      },
      { timeout: 30_000 },
    );
  };
  /** How often each Envoy has taken over a listener, a cluster or a route table since it was started. */
  const updates = (): Promise<Record<string, number>[]> =>
    Promise.all(
      envoys.map(async (envoy) => {
        const text = await envoy.admin(
          "/stats?filter=(lds|cds)\\.update_success|(cluster|listener)_(added|modified|removed)|\\.rds\\..*(config_reload|update_success)$",
        );
        return Object.fromEntries(
          text
            .trim()
            .split("\n")
            .map((line) => line.split(": ") as [string, string])
            .map(([name, value]) => [name, Number(value)]),
        );
      }),
    );
  /** A change that both Envoys serve, and whose status is written by whoever leads. */
  const change = async (): Promise<void> => {
    const body = `mark-${++marks}`;
    const key = `gateway.solo.io/v1/VirtualService/gloo-system/mark`;
    await put(key, virtualService("mark", "mark.test", `{directResponseAction: {status: 200, body: ${body}}}`));
    for (const port of ports) {
      await waitFor(async () => (await get(port, "/", { host: "mark.test" })).body === body, { timeout: 20_000 });
    }
    // A leader that was killed has 10 s of its TTL left at most.
    const status = async () => (await consul.api("GET", `/v1/kv/gloo/${key}?raw`)).body.includes("Accepted");
    await waitFor(status, { timeout: 20_000 });
  };

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "epoxy-failover-"));
    consul = await startConsul();
    petstore = await startPetstore();
    ports = [await freePort(), await freePort()];
    replicas = await Promise.all(
      ["a", "b"].map(async (name) => ({
        folder: join(root, name),
        xdsPort: await freePort(),
        adminPort: await freePort(),
      })),
    );
    for (const { folder } of replicas) {
      await writeTree(folder, {
        "gloo-system/default.yaml": `{metadata: {name: default, namespace: gloo-system}, consul: {address: "${consul.address}"}, consulKvSource: {}}`,
      });
    }
    await put("gateway.solo.io/v1/Gateway/gloo-system/one", gateway("one", ports[0] ?? 0));
    await put("gateway.solo.io/v1/Gateway/gloo-system/two", gateway("two", ports[1] ?? 0));
    await put(
      "gloo.solo.io/v1/Upstream/gloo-system/petstore",
      `{metadata: {name: petstore, namespace: gloo-system}, static: {hosts: [{addr: 127.0.0.1, port: ${petstore.port}}]}}`,
    );
    await put("gateway.solo.io/v1/VirtualService/gloo-system/pets", virtualService("pets", "pets.test", toPets));
    await start(0);
    envoys = await Promise.all([
      startEnvoy({ bootstrap: bootstrap(replicas, "gloo-system~one", false) }),
      startEnvoy({ bootstrap: bootstrap(replicas, "gloo-system~two", true) }),
    ]);
    for (const port of ports) {
      await waitFor(async () => (await get(port, "/pets", { host: "pets.test" })).status === 200, { timeout: 20_000 });
    }
    await change();
    await connected(0);
    await start(1);
  }, 120_000);
  afterAll(async () => {
    await Promise.all(envoys.map((envoy) => envoy.stop()));
    for (const process of serving) await process?.kill();
    await petstore?.close();
    await consul?.stop();
    await rm(root, { recursive: true, force: true });
  });

  it("lose no request and are sent nothing again when either is killed; what changes then arrives, and its status is written", async () => {
    const loads = ports.map((port) =>
      startSteadyLoad({
        url: `http://127.0.0.1:${port}/pets`,
        headers: { host: "pets.test" },
        rate: 100,
        // Two seconds' worth: four processes start beside it, which can take all of a small machine for a moment.
        maxInFlight: 200,
      }),
    );
    for (const [dying, heir] of [
      [0, 1],
      [1, 0],
    ] as const) {
      if (serving[heir] === undefined) await start(heir);
      const before = await updates();
      await serving[dying]?.kill();
      serving[dying] = undefined;
      await connected(heir);
      expect(await sent(heir)).toEqual({});
      expect(await updates()).toEqual(before);
      await change();
      // One route table has changed, in each Envoy: nothing else was sent since.
      expect(await sent(heir)).toEqual({ RouteConfiguration: 2 });
    }
    const reports = await Promise.all(loads.map((load) => load.stop()));
    expect(reports.map(({ failed, failures, skipped }) => ({ failed, failures, skipped }))).toEqual([
      { failed: 0, failures: [], skipped: 0 },
      { failed: 0, failures: [], skipped: 0 },
    ]);
    expect(reports.every(({ good }) => good > 500)).toBe(true);
  }, 120_000);
});
