import { readdir, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { credentials } from "@grpc/grpc-js";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bed, createBed, epoxy } from "../cli/support/epoxy.ts";
import { type Authority, type CertificateFiles, createAuthority } from "../support/certificates.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";
import { clientStatuses } from "../xds/support/client-statuses.ts";
import { type ServeProcess, startServe } from "./support/serve-process.ts";

const TOKEN = "MARKED-token-of-the-edge";

let authority: Authority;
let strangers: Authority;
let edge: CertificateFiles;
let siteKey: string;
let backend: Server;
let bed: Bed;
let serving: ServeProcess;
let xdsPort: number;
let adminPort: number;
let port: number;

beforeAll(async () => {
  [authority, strangers] = await Promise.all([createAuthority(), createAuthority()]);
  const [server, site] = await Promise.all([authority.issue("server"), authority.issue("site")]);
  edge = await authority.issue("edge", { names: "URI:spiffe://fleet/edge" });
  siteKey = await readFile(site.key, "utf8");
  backend = createServer((_, response) => response.end("ok"));
  await new Promise<void>((done) => backend.listen(0, "127.0.0.1", done));
  [xdsPort, adminPort, port] = [await freePort(), await freePort(), await freePort()];
  const metadata = (name: string) => `metadata: {name: ${name}, namespace: gloo-system}`;
  const indent = (text: string) => text.trimEnd().replaceAll("\n", "\n    ");
  bed = await createBed({
    tokens: `${TOKEN}\n`,
    "gloo-system/default.yaml": `
${metadata("default")}
gloo:
  xds:
    tls: {certFile: ${server.cert}, keyFile: ${server.key}, clientCaFile: ${authority.ca}, clientCertificateOptional: true}
    clients:
    - {san: "spiffe://fleet/*", roles: ["gloo-system~gateway-proxy"]}
    - {tokenFile: tokens, roles: ["gloo-system~gateway-*"], nodeIds: ["by-token*"]}
`,
    "config/gateways/gloo-system/http.yaml": `
${metadata("http")}
bindAddress: 127.0.0.1
bindPort: ${port}
ssl: true
httpGateway: {}
proxyNames: [gateway-proxy]
`,
    "config/upstreams/gloo-system/up.yaml": `
${metadata("up")}
static: {hosts: [{addr: 127.0.0.1, port: ${(backend.address() as AddressInfo).port}}]}
`,
    "config/virtualservices/gloo-system/vs.yaml": `
${metadata("vs")}
sslConfig: {secretRef: {name: site, namespace: gloo-system}}
virtualHost:
  domains: ["*"]
  routes: [{matchers: [{prefix: /}], routeAction: {single: {upstream: {name: up, namespace: gloo-system}}}}]
`,
    "secret/secrets/gloo-system/site.yaml": `
${metadata("site")}
tls:
  certChain: |
    ${indent(await readFile(site.cert, "utf8"))}
  privateKey: |
    ${indent(siteKey)}
`,
  });
  serving = startServe({ folder: bed.dir, xdsPort, adminPort, args: ["--log-level", "debug"] });
  await serving.ready();
});

afterAll(async () => {
  await serving.stop();
  backend.close();
  await Promise.all([bed, authority, strangers].map((it) => it[Symbol.asyncDispose]()));
});

/** A real Envoy with the bootstrap that `epoxy proxy bootstrap` prints. */
async function envoyWith(options: string): Promise<RunningEnvoy> {
  const line = `proxy bootstrap --xds-address 127.0.0.1:${xdsPort} --tls --tls-ca ${authority.ca} ${options}`;
  const { code, stdout, stderr } = await epoxy(line.split(" "));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return startEnvoy({ bootstrap: stdout });
}

const shows = ({ cert, key }: CertificateFiles) => `--tls-cert ${cert} --tls-key ${key}`;
const admin = async (path: string) => (await httpGet(`http://127.0.0.1:${adminPort}${path}`)).body;

/** Envoy's log, where the status messages of gRPC are as they were sent. */
const wordsOf = (envoy: RunningEnvoy) => envoy.log().replaceAll("%20", " ").replaceAll("%22", '"');

async function denials(code: string): Promise<number> {
  return Number(
    new RegExp(`^epoxy_xds_denied_total{code="${code}"} (\\d+)`, "m").exec(await admin("/metrics"))?.[1] ?? 0,
  );
}

describe("a real Envoy over mutual TLS", () => {
  test("with a permitted certificate gets its configuration, and serves", async () => {
    await using envoy = await envoyWith(`${shows(edge)} --node-id by-certificate`);
    await envoy.live();
    await waitFor(async () => (await envoy.stat("listener_manager.total_listeners_active")) === 1);
    expect(await admin("/debug/adsz")).toContain("by-certificate");
  });

  test.each([
    ["from a file", () => `--token-file ${join(bed.dir, "tokens")}`],
    ["from its environment", () => "--token-env EPOXY_TEST_TOKEN"],
  ])("with a token %s instead of a certificate is served", async (_, option) => {
    process.env["EPOXY_TEST_TOKEN"] = TOKEN;
    await using envoy = await envoyWith(`--node-id by-token-1 ${option()}`);
    delete process.env["EPOXY_TEST_TOKEN"];
    await waitFor(async () => (await envoy.stat("listener_manager.total_listeners_active")) === 1);
  });

  test.each([
    [
      "a role that its certificate isn't good for",
      () => `${shows(edge)} --role other`,
      "denied",
      /may not ask for the role \\?"gloo-system~other/,
    ],
    ["no certificate and no token", () => "--node-id bare", "unauthenticated", /neither certificate nor token/],
    ["a wrong token", () => "--node-id by-token --token-env EPOXY_TEST_TOKEN", "unauthenticated", /has shown a token/],
    [
      "a token, but another node id",
      () => "--node-id edge --token-env EPOXY_TEST_TOKEN",
      "denied",
      /may not go by the node id/,
    ],
  ])("with %s is turned away: it, the log and a metric say so", async (_, options, code, reason) => {
    process.env["EPOXY_TEST_TOKEN"] = code === "denied" ? TOKEN : "MARKED-token-of-somebody-else";
    const before = await denials(code);
    await using envoy = await envoyWith(options());
    delete process.env["EPOXY_TEST_TOKEN"];
    await waitFor(() => reason.test(wordsOf(envoy)));
    expect(await envoy.stat("listener_manager.total_listeners_active")).toBe(0);
    expect(await denials(code)).toBeGreaterThan(before);
    expect(serving.output()).toMatch(reason);
  });

  test("that has a certificate of another authority doesn't get through", async () => {
    const stranger = await strangers.issue("edge", { names: "URI:spiffe://fleet/edge" });
    await using envoy = await envoyWith(shows(stranger));
    await waitFor(async () => /unauthenticated|neither certificate|connection/i.test(wordsOf(envoy)));
    expect(await envoy.stat("listener_manager.total_listeners_active")).toBe(0);
  });

  test("no secret is in the log, the metrics, a debug view, the client statuses (CSDS), what `epoxy proxy` prints or the saved state", async () => {
    await using envoy = await envoyWith(`${shows(edge)} --node-id sees-secrets`);
    await waitFor(async () => (await envoy.stat("listener_manager.total_listeners_active")) === 1);
    const paths = (await admin("/")).trim().split("\n");
    expect(paths).toContain("/debug/xds");
    const outputs = new Map<string, string>([["log", serving.output()]]);
    for (const path of paths) {
      outputs.set(path, await admin(path));
      outputs.set(`${path}?proxyID`, await admin(`${path}?proxyID=sees-secrets`));
    }
    const [ca, key, cert] = await Promise.all([authority.ca, edge.key, edge.cert].map((file) => readFile(file)));
    const statuses = await clientStatuses(xdsPort, {}, undefined, credentials.createSsl(ca, key, cert));
    outputs.set("CSDS", JSON.stringify(statuses));
    expect(statuses.find(({ node }) => node.id === "sees-secrets")?.genericXdsConfigs).toContainEqual(
      expect.objectContaining({ typeUrl: expect.stringContaining("Listener"), clientStatus: "ACKED" }),
    );
    const state = join(bed.dir, ".epoxy");
    for (const entry of await readdir(state, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) outputs.set(entry.name, await readFile(join(entry.parentPath, entry.name), "latin1"));
    }
    expect(outputs.get("/debug/served-proxies")).toContain("gateway-proxy");
    for (const command of ["config", "diff"]) {
      const { stdout, stderr } = await epoxy([
        "proxy",
        command,
        "sees-secrets",
        "--admin-address",
        `127.0.0.1:${adminPort}`,
      ]);
      outputs.set(`epoxy proxy ${command}`, stdout + stderr);
    }
    expect(outputs.get("epoxy proxy config")).toContain("listener");
    expect(outputs.get("/debug/xds")).toContain("sees-secrets");
    // A line of the key as it is, and as it is where JSON or base64 is made of it.
    const line = siteKey.split("\n")[1] as string;
    const secrets = ["MARKED", line, Buffer.from(siteKey).toString("base64").slice(60, 120)];
    const leaks = [...outputs].filter(([, text]) => secrets.some((secret) => text.includes(secret)));
    expect(leaks.map(([name]) => name)).toEqual([]);
  });
});

describe("epoxy serve", () => {
  test("refuses to serve other machines in plain text, and names the ways out", async () => {
    await using empty = await createBed();
    const { code, stderr } = await empty.run("serve --xds-address 0.0.0.0:0 --admin-address none");
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: xDS would be served in plain text at 0\.0\.0\.0.*--xds-tls-cert.*--xds-plaintext/);
  });

  test.each([
    ["--xds-tls-cert x", /give --xds-tls-cert and --xds-tls-key/],
    ["--xds-tls-cert missing.pem --xds-tls-key missing.key", /missing\.pem/],
    ["--xds-token-file missing", /the token file can't be used: .*missing/],
  ])("refuses %s", async (options, message) => {
    await using empty = await createBed();
    const { code, stderr } = await empty.run(`serve --xds-address 127.0.0.1:0 --admin-address none ${options}`);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(message);
  });
});
