import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { typeUrls } from "../../src/xds/index.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { waitFor } from "../support/wait-for.ts";
import { startServe, type ServeProcess } from "../e2e/support/serve-process.ts";
import { connect } from "../xds/support/grpc-client.ts";
import { type Bed, createBed, epoxy } from "./support/epoxy.ts";

let bed: Bed;
let serving: ServeProcess;
let envoy: RunningEnvoy;
let admin: string;
let xdsPort: number;
let taken: Server;

const gateway = (name: string, port: number) => `
metadata: {name: ${name}, namespace: gloo-system}
bindAddress: 127.0.0.1
bindPort: ${port}
httpGateway: {}
proxyNames: [gateway-proxy]
`;

beforeAll(async () => {
  const [adminPort, port] = [await freePort(), await freePort()];
  xdsPort = await freePort();
  admin = `127.0.0.1:${adminPort}`;
  taken = createServer();
  await new Promise<void>((done) => taken.listen(0, "127.0.0.1", done));
  bed = await createBed({
    "config/gateways/gloo-system/http.yaml": gateway("http", port),
    "config/upstreams/gloo-system/up.yaml":
      "metadata: {name: up, namespace: gloo-system}\nstatic: {hosts: [{addr: 127.0.0.1, port: 1}]}\n",
    "config/virtualservices/gloo-system/vs.yaml": `
metadata: {name: vs, namespace: gloo-system}
virtualHost:
  domains: ["a.example"]
  routes: [{matchers: [{prefix: /}], routeAction: {single: {upstream: {name: up, namespace: gloo-system}}}}]
`,
  });
  serving = startServe({ folder: bed.dir, xdsPort, adminPort });
  await serving.ready();
  const { stdout } = await epoxy(`proxy bootstrap --xds-address 127.0.0.1:${xdsPort} --node-id edge-1`.split(" "));
  envoy = await startEnvoy({ bootstrap: stdout });
  await envoy.live();
  await waitFor(async () => (await proxy("status")).code === 0);
});

afterAll(async () => {
  await envoy.stop();
  await serving.stop();
  taken.close();
  await bed[Symbol.asyncDispose]();
});

const proxy = (line: string) => epoxy([...`proxy ${line}`.split(" "), "--admin-address", admin]);

describe("epoxy proxy", () => {
  it("status lists who is connected and whether they have what is served", async () => {
    const { code, stdout } = await proxy("status");
    expect(code).toBe(0);
    expect(stdout).toMatch(/Proxy.*Role.*Envoy.*CDS.*LDS.*Lag/);
    expect(stdout).toMatch(/edge-1 .*gloo-system~gateway-proxy .*1\.\d+\.\d+ .*synced.*synced/);
    const [report] = JSON.parse((await proxy("status edge-1 --json")).stdout) as [
      { id: string; types: { type: string; state: string }[] },
    ];
    expect(report.id).toBe("edge-1");
    expect(report.types.map(({ type }) => type)).toEqual(expect.arrayContaining(["CDS", "LDS", "RDS"]));
  });

  it("config lists what is served to a proxy, of one type if asked", async () => {
    const { code, stdout } = await proxy("config --type lds");
    expect(code).toBe(0);
    expect(stdout).toMatch(/LDS .*listener.* [0-9a-zA-Z+/_-]{8,} .*synced/);
    expect(stdout).not.toContain("CDS");
    const all = JSON.parse((await proxy("config edge-1 --json")).stdout) as {
      types: { resources: { name: string }[] }[];
    };
    expect(JSON.stringify(all)).toContain("up_gloo-system");
    expect((await proxy("config --type XDS")).stderr).toContain("edge-1 asks for no XDS: it asks for CDS");
  });

  it("diff finds nothing where Envoy runs what is served", async () => {
    const acknowledged = await proxy("diff");
    expect(acknowledged).toMatchObject({ code: 0, stdout: "edge-1 has acknowledged everything as it is served\n" });
    const running = await proxy(`diff edge-1 --envoy-admin 127.0.0.1:${envoy.adminPort}`);
    expect(running.stdout).toBe("edge-1 runs everything as it is served\n");
    expect(running.code).toBe(0);
  });

  it("diff tells what Envoy lacks, what it has beyond what is served, and what it runs in another version", async () => {
    const dump = JSON.parse(await envoy.admin("/config_dump?include_eds"));
    const sections = dump.configs as Record<string, unknown>[];
    const section = (name: string) => sections.find((it) => String(it["@type"]).endsWith(name)) ?? {};
    section(".ListenersConfigDump")["dynamic_listeners"] = [];
    const [cluster] = section(".ClustersConfigDump")["dynamic_active_clusters"] as { version_info: string }[];
    const surplus = { ...cluster, cluster: { name: "left" } };
    section(".ClustersConfigDump")["dynamic_active_clusters"] = [{ ...cluster, version_info: "old" }, surplus];
    const page = createServer((_, response) => response.end(JSON.stringify(dump)));
    await new Promise<void>((done) => page.listen(0, "127.0.0.1", done));
    const { code, stdout } = await proxy(
      `diff edge-1 --json --envoy-admin 127.0.0.1:${(page.address() as AddressInfo).port}`,
    );
    page.close();
    expect(code).toBe(1);
    const { differences } = JSON.parse(stdout) as { differences: { type: string; name: string; why: string }[] };
    expect(differences.map(({ type, name, why }) => [type, name, why])).toEqual([
      ["CDS", "up_gloo-system", "Envoy runs another version"],
      ["CDS", "left", "Envoy has it, the control plane doesn't"],
      ["LDS", expect.stringContaining("listener"), "Envoy doesn't have it"],
    ]);
  });

  it("diff compares contents where Envoy asks for the state of the world, whose versions tell nothing of one resource", async () => {
    const line = `proxy bootstrap --sotw --xds-address 127.0.0.1:${xdsPort} --node-id edge-sotw`;
    const sotw = await startEnvoy({ bootstrap: (await epoxy(line.split(" "))).stdout });
    try {
      await sotw.live();
      const diff = (port: number) => proxy(`diff edge-sotw --json --envoy-admin 127.0.0.1:${port}`);
      await waitFor(async () => (await proxy("status edge-sotw")).code === 0);
      expect(JSON.parse((await diff(sotw.adminPort)).stdout)).toEqual({ proxy: "edge-sotw", differences: [] });
      const dump = JSON.parse(await sotw.admin("/config_dump?include_eds"));
      const all = (name: string, list: string): any[] =>
        dump.configs.find((it: any) => it["@type"].endsWith(`.${name}`))[list];
      const clusters = all("ClustersConfigDump", "dynamic_active_clusters");
      const routes = all("RoutesConfigDump", "dynamic_route_configs");
      const listeners = all("ListenersConfigDump", "dynamic_listeners");
      for (const { cluster } of clusters) cluster.connect_timeout = "77s";
      for (const { route_config } of routes) route_config.max_direct_response_body_size_bytes = 77;
      for (const { active_state } of listeners) active_state.listener.stat_prefix = "other";
      listeners.push({ ...listeners[0], name: "unasked" });
      const page = createServer((_, response) => response.end(JSON.stringify(dump)));
      await new Promise<void>((done) => page.listen(0, "127.0.0.1", done));
      const { port } = page.address() as AddressInfo;
      const found = async () =>
        (JSON.parse((await diff(port)).stdout).differences as { type: string; why: string }[]).map(
          ({ type, why }) => `${type} ${why}`,
        );
      const surplus = "LDS Envoy has it, the control plane doesn't";
      expect(new Set(await found())).toEqual(
        new Set([...["CDS", "LDS", "RDS"].map((type) => `${type} Envoy runs another version`), surplus]),
      );
      // What Envoy doesn't show can't be compared.
      for (const { cluster } of clusters) cluster.alt_stat_name = "[redacted]";
      expect(await found()).not.toContain("CDS Envoy runs another version");
      page.close();
    } finally {
      await sotw.stop();
    }
    await waitFor(async () => !(await proxy("status")).stdout.includes("edge-sotw"));
  });

  it("diff and status name what Envoy refuses, with its words, and go back to synced", async () => {
    const file = "config/gateways/gloo-system/taken.yaml";
    await bed.write(file, gateway("taken", (taken.address() as AddressInfo).port));
    const refused = await waitFor(async () => {
      const result = await proxy("diff");
      return result.stdout.includes("refused: ") ? result : undefined;
    });
    expect(refused?.code).toBe(1);
    expect(refused?.stdout.replaceAll(/\s*\|\s*\n\|[\s|]*/g, " ")).toMatch(/LDS/);
    const against = await proxy(`diff edge-1 --json --envoy-admin 127.0.0.1:${envoy.adminPort}`);
    const { differences } = JSON.parse(against.stdout) as { differences: { type: string; why: string }[] };
    expect(differences).toMatchObject([{ type: "LDS", why: expect.stringMatching(/refused: .*address.*in use/i) }]);
    const status = await proxy("status");
    expect(status.code).toBe(1);
    expect(status.stdout).toContain("refused");
    await bed.run("delete gateway taken");
    await waitFor(async () => (await proxy("status")).code === 0);
  });

  it("diff says so where nothing is served for a role, such as a misspelt one", async () => {
    await using client = connect(xdsPort);
    const stream = client.stream("delta", { node: { id: "lost", metadata: { role: "gloo-system~gatway-proxy" } } });
    stream.send({ typeUrl: typeUrls.cluster });
    const found = await waitFor(async () => {
      const result = await proxy("diff lost --json");
      return result.stdout === "" ? undefined : result;
    });
    expect(JSON.parse(found.stdout)).toEqual({
      proxy: "lost",
      differences: [{ type: "CDS", name: "*", why: "nothing is served for the role gloo-system~gatway-proxy" }],
    });
    expect(found.code).toBe(1);
    stream.cancel();
    await waitFor(async () => (await proxy("status")).code === 0);
  });

  it.each([
    ["status edge-2", /no proxy with the node id edge-2 is connected/],
    ["config edge-2", /no proxy with the node id edge-2 is connected: there are edge-1/],
    [
      "diff --envoy-admin 127.0.0.1:1",
      /Envoy's admin page \(--envoy-admin\) at 127\.0\.0\.1:1 doesn't answer: nothing listens there/,
    ],
  ])("%s says what is wrong", async (line, message) => {
    const { code, stderr } = await proxy(line);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  it("says so where no control plane runs, or something else answers", async () => {
    const down = await epoxy("proxy status --admin-address 127.0.0.1:1".split(" "));
    expect(down).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /admin server \(--admin-address\) at 127\.0\.0\.1:1 doesn't answer: nothing listens there; is it running\?/,
      ),
    });
    const other = await epoxy(`proxy status --admin-address 127.0.0.1:${envoy.adminPort}`.split(" "));
    expect(other.stderr).toMatch(/doesn't answer: status 404/);
  });
});
