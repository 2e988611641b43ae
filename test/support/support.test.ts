import { describe, expect, test } from "vitest";
import { readLines, readStanzas } from "../../scripts/apt-download.ts";
import { startPetstore } from "../../scripts/petstore.ts";
import { startConsul } from "./consul.ts";
import { glooBootstrap, startEnvoy } from "./envoy.ts";
import { freePort } from "./free-port.ts";
import { httpGet } from "./http-get.ts";
import { startSteadyLoad } from "./steady-load.ts";
import { startTcpProxy } from "./tcp-proxy.ts";
import { waitFor } from "./wait-for.ts";

test("the petstore answers as the example's does", async () => {
  await using petstore = await startPetstore({ instance: "a" });
  const base = `http://127.0.0.1:${petstore.port}`;
  const all = await httpGet(`${base}/api/pets`);
  expect(all.body).toBe('[{"id":1,"name":"Dog","status":"available"},{"id":2,"name":"Cat","status":"pending"}]');
  expect(all.headers["x-petstore"]).toBe("a");
  expect((await httpGet(`${base}/api/pets`, { method: "POST", body: '{"name":"Fish"}' })).body).toBe(
    '{"id":3,"name":"Fish","status":"available"}',
  );
  expect((await httpGet(`${base}/api/pets/1`, { method: "DELETE" })).status).toBe(204);
  expect((await httpGet(`${base}/api/pets/1`)).status).toBe(404);
  expect(JSON.parse((await httpGet(`${base}/swagger.json`)).body).swagger).toBe("2.0");
});

test("a cut proxy fails requests, a restored one serves them, and the load counts both", async () => {
  await using petstore = await startPetstore();
  await using proxy = await startTcpProxy({ port: petstore.port });
  await using load = startSteadyLoad({ url: `http://127.0.0.1:${proxy.port}/api/pets`, rate: 200 });
  await waitFor(() => load.report().good >= 5);
  proxy.cut();
  await waitFor(() => load.report().failed >= 5);
  proxy.restore();
  const { good } = load.report();
  expect(await waitFor(() => load.report().good >= good + 5)).toBe(true);
});

test("Envoy starts without a control plane, and its admin port tells what it has", async () => {
  await using envoy = await startEnvoy({ bootstrap: glooBootstrap({ xdsPort: await freePort() }) });
  expect((await envoy.configDump()).configs[0].bootstrap.node.metadata.role).toBe("gloo-system~gateway-proxy");
  expect(await envoy.stat("cluster_manager.active_clusters")).toBe(1);
});

test("Envoy's complaint about a bootstrap is in the error", async () => {
  await expect(startEnvoy({ bootstrap: { nod: {} } })).rejects.toThrow(/nod/);
});

test("a killed persistent Consul has its keys after a restart, and none after a wipe", async () => {
  await using consul = await startConsul({ persistent: true });
  await consul.api("PUT", "/v1/kv/a", "1");
  await consul.kill();
  await expect(consul.api("GET", "/v1/kv/a")).rejects.toThrow(/ECONNREFUSED/);
  await consul.start();
  expect((await consul.api("GET", "/v1/kv/a?raw")).body).toBe("1");
  await consul.kill();
  await consul.start({ wipe: true });
  expect((await consul.api("GET", "/v1/kv/a?raw")).status).toBe(404);
});

test("a Consul with ACLs denies by default and allows what a token's policy says", async () => {
  await using consul = await startConsul({ acl: true });
  const anonymous = await httpGet(`http://${consul.address}/v1/kv/a`, { method: "PUT", body: "1" });
  expect(anonymous.status).toBe(403);
  const token = await consul.createToken('key_prefix "a" { policy = "write" }');
  const allowed = await httpGet(`http://${consul.address}/v1/kv/a`, {
    method: "PUT",
    body: "1",
    headers: { "x-consul-token": token },
  });
  expect(allowed.status).toBe(200);
});

describe("apt's sources", () => {
  test("are read in both formats", () => {
    const lines =
      "# deb http://no x main\ndeb [arch=amd64 signed-by=/k.gpg] http://m/debian bookworm main contrib # c\n";
    expect(readLines(lines)).toEqual([
      { uri: "http://m/debian", signedBy: "/k.gpg", suites: ["bookworm"], components: ["main", "contrib"] },
    ]);
    const stanzas = `Types: deb deb-src
# a note
URIs: http://m/debian http://n/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /k.gpg

Types: deb
Enabled: no
URIs: http://off
Suites: bookworm
Components: main
`;
    const common = { signedBy: "/k.gpg", suites: ["bookworm", "bookworm-updates"], components: ["main"] };
    expect(readStanzas(stanzas)).toEqual([
      { uri: "http://m/debian", ...common },
      { uri: "http://n/debian", ...common },
    ]);
  });
});
