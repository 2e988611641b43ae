import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { SettingsKind, SettingsType } from "../../generated/sdk/index.ts";
import { findOrFetch } from "../../scripts/binaries.ts";
import { startPetstore } from "../../scripts/petstore.ts";
import { findCommand, readInput } from "../../src/cli/command-line.ts";
import { rootCommand } from "../../src/cli/commands.ts";
import { notHonoured } from "../../src/control-plane/settings/not-honoured.ts";
import { parseResources } from "../../src/resources/index.ts";
import { cleanEnv, epoxy, epoxyCommand } from "../cli/support/epoxy.ts";
import { type Child, startChild } from "../support/child.ts";
import { startConsul } from "../support/consul.ts";
import { startEnvoy } from "../support/envoy.ts";
import { freePorts } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { startVault } from "../support/vault.ts";
import { waitFor } from "../support/wait-for.ts";

const run = promisify(execFile);
const compose = join(import.meta.dirname, "..", "..", "deploy", "compose");
const examples = ["consul", "files"] as const;
const pets = '[{"id":1,"name":"Dog","status":"available"},{"id":2,"name":"Cat","status":"pending"}]';
const text = (...path: readonly string[]) => readFile(join(compose, ...path), "utf8");

let folder: string;
const projects = new Map<string, any>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "epoxy-compose-"));
  const config = await findOrFetch("compose-config");
  for (const example of examples) {
    const { stdout } = await run(config, [join(compose, example, "compose.yaml")], { env: cleanEnv() });
    projects.set(example, JSON.parse(stdout));
  }
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(examples)("the compose example for %s", (example) => {
  it("is what the compose specification allows, and names only folders and files that are there", async () => {
    const { services } = projects.get(example);
    expect(Object.keys(services)).toEqual(expect.arrayContaining(["epoxy", "gateway-proxy", "petstore"]));
    const mounts = Object.values<any>(services).flatMap(({ volumes = [] }) => volumes);
    const bound = mounts.filter(({ type }) => type === "bind").map(({ source }) => source);
    expect(bound.length).toBeGreaterThan(1);
    expect(bound.filter((source) => !existsSync(source))).toEqual([]);
  });

  it("starts the control plane with options and Settings that it takes, and Envoy where the Settings say", async () => {
    const { services } = projects.get(example);
    const { values } = readInput(findCommand(rootCommand, services.epoxy.command));
    expect(values.get("dir")).toBe("/data");
    expect(services.epoxy.ports[0].target).toBe(Number(String(values.get("admin-address")).split(":")[1]));
    const { documents, problems } = parseResources(
      SettingsKind,
      await text(example, "data/gloo-system/default.yaml"),
      "s",
    );
    expect(problems).toEqual([]);
    const settings = documents[0]?.resource;
    expect(settings && notHonoured(SettingsType, settings)).toEqual([]);
    const printed = await epoxy(
      "proxy bootstrap --node-id docker-compose-node --xds-address epoxy:9977 --admin-host 0.0.0.0".split(" "),
    );
    expect(await text(example, "envoy.yaml")).toBe(printed.stdout);
    expect(settings?.gloo?.xdsBindAddr).toBe("0.0.0.0:9977");
    const published = services["gateway-proxy"].ports.map(({ target }: { target: number }) => target);
    expect(published).toEqual([8080, parse(printed.stdout).admin.address.socket_address.port_value]);
  });

  it("has a bootstrap that Envoy takes, of the version that it is tested with", async () => {
    const { image } = projects.get(example).services["gateway-proxy"];
    const recipes = await readFile(join(import.meta.dirname, "../../scripts/binaries.ts"), "utf8");
    expect(image).toBe(`envoyproxy/envoy:v${/envoy: \{\s+version: "([^"]+)"/.exec(recipes)?.[1]}`);
    const { stdout, stderr } = await run(await findOrFetch("envoy"), [
      "--mode",
      "validate",
      "-c",
      join(compose, example, "envoy.yaml"),
    ]);
    expect(`${stdout}${stderr}`).toContain("configuration");
  });
});

describe("the examples, run on this machine with its addresses in the place of the containers'", () => {
  /** Starts control plane and Envoy as the example says; resolves when there is nothing more to start. */
  async function start(example: string, replacements: Readonly<Record<string, string>>) {
    const [xds = 0, http = 0, admin = 0] = await freePorts(3);
    const own = join(folder, example);
    await cp(join(compose, example), own, { recursive: true });
    const all = {
      ...replacements,
      "0.0.0.0:9977": `127.0.0.1:${xds}`,
      "/data/": `${own}/data/`,
      "bindPort: 8080": `bindPort: ${http}`,
    };
    const { stdout } = await run("grep", ["-rl", "", own]);
    for (const file of stdout.trim().split("\n")) {
      let content = await readFile(file, "utf8");
      for (const [from, to] of Object.entries(all)) content = content.replaceAll(from, to);
      await writeFile(file, content);
    }
    const args = projects
      .get(example)
      .services.epoxy.command.map((it: string) =>
        it.replace(/^\/data$/, `${own}/data`).replace("0.0.0.0:9091", `127.0.0.1:${admin}`),
      );
    const [node, main] = epoxyCommand;
    const serving: Child = startChild(node, [main, ...args], { env: cleanEnv() });
    const bootstrap = (await text(example, "envoy.yaml"))
      .replace("address: epoxy\n", "address: 127.0.0.1\n")
      .replace("port_value: 9977", `port_value: ${xds}`);
    const envoy = await startEnvoy({ bootstrap });
    return {
      own,
      serving,
      answers: (path: string, body: string) =>
        waitFor(async () => (await httpGet(`http://127.0.0.1:${http}${path}`)).body === body, { timeout: 15_000 }),
      async [Symbol.asyncDispose]() {
        await envoy.stop();
        await serving.stop();
      },
    };
  }

  it("serve the petstore from files", async () => {
    await using petstore = await startPetstore();
    await using running = await start("files", {
      "addr: petstore, port: 8080": `addr: 127.0.0.1, port: ${petstore.port}`,
    });
    await running.answers("/petstore", pets);
    const status = join(running.own, "data/config/virtualservices/gloo-system/default.yaml");
    await waitFor(async () => (await readFile(status, "utf8")).includes("state: Accepted"));
  });

  it("serve the petstore from Consul, as Gloo's guide does, and know secrets in Vault", async () => {
    await using petstore = await startPetstore();
    await using consul = await startConsul();
    await using vault = await startVault();
    await using running = await start("consul", {
      "consul:8500": consul.address,
      "http://vault:8200": vault.address,
      "accessToken: root": `accessToken: ${vault.token}`,
    });
    const command = async (line: string): Promise<void> => {
      const result = await epoxy([...line.split(" "), "--use-consul", "--consul-address", consul.address]);
      expect(result).toMatchObject({ code: 0, stderr: "" });
    };
    await command(`apply -f ${running.own}/gateway.yaml`);
    await consul.register({ ID: "petstore1", Name: "petstore", Address: "127.0.0.1", Port: petstore.port });
    await command("add route --path-exact /all-pets --dest-name petstore --prefix-rewrite /api/pets");
    await running.answers("/all-pets", pets);
    const created = await epoxy(
      ["create", "secret", "oauth", "login", "--client-secret", "x", "--use-vault", "--vault-address", vault.address],
      { env: { VAULT_TOKEN: vault.token } },
    );
    expect(created.code).toBe(0);
    const listed = await epoxy(["get", "secrets", "--json", "--dir", join(running.own, "data")]);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ metadata: { name: "login" } }]);
  });
});
