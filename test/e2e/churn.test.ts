import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { glooBootstrap, type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { waitFor } from "../support/wait-for.ts";
import { writeTree } from "./support/gloo-file-example.ts";
import { impossibleUpstream, MAGLEV, refusedRegex } from "./support/refused.ts";
import { type ServeProcess, startServe } from "./support/serve-process.ts";
import { get } from "./support/served.ts";

/** EPOXY_CHURN_SECONDS=300 for the long run (bench/README.md). */
const SECONDS = Number(process.env["EPOXY_CHURN_SECONDS"] ?? 10);
const EDIT_EVERY_MS = 100;
const RATE = 500;
/** In a long run the machine is asked for nothing else; in a short one it has two cores for all tests. */
const LEAST_SHARE = process.env["EPOXY_CHURN_SECONDS"] === undefined ? 0.5 : 0.95;
const KINDS = ["routes", "clusters", "endpoints", "listeners"] as const;
/** The kinds that Envoy refuses come first; what it would refuse of endpoints our own checks find. */
const BROKEN_KINDS = [0, 1, 3, 2];
/** Reserved for documentation, so no machine has an address of it: Envoy can't listen there. */
const FOREIGN_NETWORK = "203.0.113";
const SEED = 20_261_121;

const ns = "namespace: gloo-system";
const virtualService = (name: string, action: string, match = "{prefix: /}"): string =>
  `{metadata: {name: ${name}, ${ns}}, virtualHost: {domains: ["${name}.test"], routes: [{matchers: [${match}], ${action}}]}}`;
const to = (upstream: string): string => `routeAction: {single: {upstream: {name: ${upstream}, ${ns}}}}`;
const upstream = (name: string, ports: readonly number[], options = ""): string =>
  `{metadata: {name: ${name}, ${ns}}, static: {hosts: [${ports.map((port) => `{addr: 127.0.0.1, port: ${port}}`).join()}]}, ${options}}`;
const gateway = (name: string, port: number, address = "127.0.0.1"): string =>
  `{metadata: {name: ${name}, ${ns}}, bindAddress: ${address}, bindPort: ${port}, httpGateway: {}, proxyNames: [gateway-proxy]}`;

/** Numbers below `limit`, the same in each run. */
function createRandom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

describe("a real Envoy under load while routes, clusters, endpoints and listeners are edited, one edit in ten broken", () => {
  let folder: string;
  let backend: Server;
  let backendPort: number;
  let port: number;
  let spare: readonly number[];
  let adminPort: number;
  let serving: ServeProcess;
  let envoy: RunningEnvoy;
  const save = (kind: string, name: string, text: string) =>
    writeFile(join(folder, `config/${kind}/gloo-system/${name}.yaml`), text);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-churn-"));
    backend = createServer((_, response) => response.end("backend"));
    // An idle connection that it ends may be the one that Envoy takes at that moment.
    backend.keepAliveTimeout = 0;
    await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
    backendPort = (backend.address() as AddressInfo).port;
    port = await freePort();
    spare = [await freePort(), await freePort(), await freePort()];
    adminPort = await freePort();
    const xdsPort = await freePort();
    const numbers = Array.from({ length: 10 }, (_, index) => index);
    await writeTree(folder, {
      "gloo-system/default.yaml": `{metadata: {name: default, ${ns}}, directoryConfigSource: {directory: config}, gloo: {serveAllUpstreams: true}}`,
      "config/gateways/gloo-system/main.yaml": gateway("main", port),
      "config/upstreams/gloo-system/stable.yaml": upstream("stable", [backendPort]),
      "config/virtualservices/gloo-system/stable.yaml": virtualService("stable", to("stable")),
      ...Object.fromEntries(
        numbers.flatMap((it) => [
          [`config/upstreams/gloo-system/u${it}.yaml`, upstream(`u${it}`, [backendPort])],
          [`config/virtualservices/gloo-system/v${it}.yaml`, virtualService(`v${it}`, to(`u${it}`))],
        ]),
      ),
    });
    serving = startServe({ folder, xdsPort, adminPort });
    await serving.ready();
    envoy = await startEnvoy({ bootstrap: glooBootstrap({ xdsPort, delta: true }), without: [MAGLEV] });
    await waitFor(async () => (await get(port, "/", { host: "stable.test" })).body === "backend", { timeout: 20_000 });
  }, 60_000);
  afterAll(async () => {
    await envoy?.stop();
    await serving?.kill();
    backend.closeAllConnections();
    backend.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** One edit; the broken ones, counted by `broken`, take turns in kind, and in the ways that only Envoy finds or that our checks find. */
  async function edit(kind: number, random: (limit: number) => number, broken: number | undefined): Promise<void> {
    const number = random(10);
    const text = `mark-${random(1000)}`;
    const direct = `directResponseAction: {status: 200, body: ${text}}`;
    switch (kind) {
      case 0: {
        if (broken === undefined) return save("virtualservices", `v${number}`, virtualService(`v${number}`, direct));
        const ways = [
          virtualService(`v${number}`, direct, `{regex: '${refusedRegex}'}`),
          virtualService(`v${number}`, direct, "{regex: '('}"),
          `{metadata: {name: v${number}, virtualHost`,
        ];
        return save("virtualservices", `v${number}`, ways[Math.floor(broken / 4) % ways.length] ?? "");
      }
      case 1: {
        // Content that was refused isn't asked for again, so what is broken is another one each time.
        const fine = `connectionConfig: {maxRequestsPerConnection: ${1 + random(50)}}`;
        const options = broken !== undefined ? `${fine}, ${impossibleUpstream}` : fine;
        return save("upstreams", `u${number}`, upstream(`u${number}`, [backendPort], options));
      }
      case 2: {
        const ports =
          broken !== undefined ? [99_999] : Array.from({ length: 1 + random(3) }, (_, index) => backendPort - index);
        return save("upstreams", `u${number}`, upstream(`u${number}`, ports));
      }
      default: {
        const which = random(spare.length);
        if (broken !== undefined) {
          // The backend has its port already, and the other address is another machine's.
          const taken = gateway(`g${which}`, backendPort);
          const foreign = gateway(`g${which}`, 1024 + random(60_000), `${FOREIGN_NETWORK}.${1 + random(254)}`);
          return save("gateways", `g${which}`, Math.floor(broken / 4) % 4 === 3 ? taken : foreign);
        }
        if (random(3) === 0) return rm(join(folder, `config/gateways/gloo-system/g${which}.yaml`), { force: true });
        return save("gateways", `g${which}`, gateway(`g${which}`, spare[which] ?? 0));
      }
    }
  }

  it("answers every request to an untouched route with 200, and in the end serves what is there", {
    timeout: 90_000 + SECONDS * 1000,
  }, async () => {
    const random = createRandom(SEED);
    const load = startSteadyLoad({
      url: `http://127.0.0.1:${port}/`,
      headers: { host: "stable.test" },
      rate: RATE,
      maxInFlight: RATE,
      isGood: (status, body) => status === 200 && body === "backend",
    });
    const end = performance.now() + SECONDS * 1000;
    let edits = 0;
    const ofKind = { routes: 0, clusters: 0, endpoints: 0, listeners: 0 };
    const brokenOfKind = { ...ofKind };
    for (; performance.now() < end; edits++) {
      const broken = edits % 10 === 9 ? (edits - 9) / 10 : undefined;
      const kind = (broken === undefined ? random(4) : BROKEN_KINDS[broken % 4]) ?? 0;
      await edit(kind, random, broken);
      const name = KINDS[kind] ?? "routes";
      ofKind[name]++;
      if (broken !== undefined) brokenOfKind[name]++;
      await sleep(EDIT_EVERY_MS);
    }
    const report = await load.stop();
    // Broken edits of each kind came as far as Envoy, which refused them.
    const refused = await waitFor(
      async () => {
        const { body } = await httpGet(`http://127.0.0.1:${adminPort}/metrics`);
        const nacks = [...body.matchAll(/^epoxy_xds_nacks_total\{type="(\w+)"\} ([1-9]\d*)$/gm)];
        const counts = Object.fromEntries(nacks.map(([, type, count]) => [type, Number(count)]));
        return "RouteConfiguration" in counts && "Cluster" in counts && "Listener" in counts ? counts : undefined;
      },
      { timeout: 20_000 },
    );
    if (process.env["EPOXY_CHURN_SECONDS"] !== undefined) {
      const { good, skipped } = report;
      const rate = Math.round(good / SECONDS);
      console.log(
        `churn ${JSON.stringify({ seconds: SECONDS, requests: good, rate, skipped, edits, ofKind, broken: brokenOfKind, nacks: refused })}`,
      );
    }
    expect(report).toMatchObject({ failed: 0, failures: [] });
    expect(report.good).toBeGreaterThan(SECONDS * RATE * LEAST_SHARE);
    expect(edits).toBeGreaterThan(3 * SECONDS);
    // Refused again and again, each kind: of the broken edits that no check of ours finds, some are replaced by the next before Envoy sees them.
    for (const [type, kind] of [
      ["RouteConfiguration", "routes"],
      ["Cluster", "clusters"],
      ["Listener", "listeners"],
    ] as const) {
      expect(refused[type], type).toBeGreaterThanOrEqual(Math.max(1, Math.floor(brokenOfKind[kind] / 4)));
    }

    for (let it = 0; it < 10; it++) {
      await save("upstreams", `u${it}`, upstream(`u${it}`, [backendPort]));
      await save("virtualservices", `v${it}`, virtualService(`v${it}`, to(`u${it}`), "{prefix: /mended}"));
    }
    for (const [index, listening] of spare.entries()) {
      await save("gateways", `g${index}`, gateway(`g${index}`, listening));
    }
    for (const listening of [port, ...spare]) {
      for (let it = 0; it < 10; it++) {
        const mended = async () => (await get(listening, "/mended", { host: `v${it}.test` })).body === "backend";
        await waitFor(mended, { timeout: 30_000 });
      }
    }
    const debug = JSON.parse((await httpGet(`http://127.0.0.1:${adminPort}/debug/xds`)).body);
    expect(debug.quarantine).toEqual([]);
  });
});
