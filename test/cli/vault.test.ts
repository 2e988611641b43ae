import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { freePorts } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { type RunningVault, startVault } from "../support/vault.ts";
import { waitFor } from "../support/wait-for.ts";
import { cleanEnv, createBed, epoxy, epoxyCommand } from "./support/epoxy.ts";

const marked = "MARKED-s3cr3t";
let vault: RunningVault;
beforeAll(async () => {
  vault = await startVault();
});
afterAll(() => vault.stop());

const settings = (sources: string): string => `metadata: {name: default, namespace: gloo-system}
refreshRate: 0.05s
${sources}
`;
const stored = async (rootKey: string, name: string): Promise<any> =>
  (await vault.api("GET", `secret/data/${rootKey}/gloo.solo.io/v1/Secret/gloo-system/${name}`)).data.data;

describe("epoxy --use-vault", () => {
  const run = (line: string, env: Record<string, string> = {}) =>
    epoxy([...line.split(" "), "--use-vault", "--vault-address", vault.address], {
      env: { VAULT_TOKEN: vault.token, ...env },
    });

  it("creates, prints without values, applies and deletes secrets at Gloo's keys, and needs no folder", async () => {
    const created = await run(`create secret header backend --headers authorization=${marked}`);
    expect(created).toMatchObject({ code: 0, stderr: "" });
    expect(created.stdout).not.toContain(marked);
    expect(await stored("gloo", "backend")).toEqual({
      metadata: { name: "backend", namespace: "gloo-system" },
      header: { headers: { authorization: marked } },
    });
    const got = await run("get secrets -o yaml");
    expect(got.code).toBe(0);
    expect(got.stdout).toContain("[redacted]");
    expect(`${got.stdout}${got.stderr}`).not.toContain(marked);
    expect((await run("get secret backend -o yaml --show-secrets")).stdout).toContain(marked);
    expect((await run(`create secret oauth backend --client-secret ${marked}`)).stderr).toMatch(/exists already/);
    expect((await run("delete secret backend")).stdout).toBe("secret backend deleted\n");
    expect(JSON.parse((await run("get secrets --json")).stdout)).toEqual([]);
    const other = await run("create secret oauth o --client-secret x --vault-root-key mine");
    expect(other.code).toBe(0);
    expect(await stored("mine", "o")).toMatchObject({ oauth: { clientSecret: "x" } });
  });

  it("says what is wrong with Vault, and never its token", async () => {
    const refused = await run("get secrets", { VAULT_TOKEN: marked });
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(/Vault at .* refused .*403 permission denied/);
    expect(refused.stderr).not.toContain(marked);
    const none = await run("get secrets", { VAULT_TOKEN: "" });
    expect(none.stderr).toMatch(/--use-vault says no way to log in to Vault: .*VAULT_TOKEN/);
    expect((await run("get vs")).stderr).toMatch(/there is no folder .\/data/);
  });
});

describe("several sources of secrets", () => {
  it("count in the order of the Settings, and the first is written to", async () => {
    await using bed = await createBed({
      "gloo-system/default.yaml": settings(`secretOptions:
  sources:
    - vault: {address: "${vault.address}", accessToken: ${vault.token}, rootKey: several}
    - directory: {directory: certs}`),
      "certs/gloo-system/both.yaml":
        "metadata: {name: both, namespace: gloo-system}\noauth: {clientSecret: from-files}\n",
      "certs/gloo-system/files.yaml":
        "metadata: {name: files, namespace: gloo-system}\noauth: {clientSecret: from-files}\n",
    });
    expect((await bed.run("create secret oauth both --client-secret from-vault")).code).toBe(0);
    expect(await stored("several", "both")).toMatchObject({ oauth: { clientSecret: "from-vault" } });
    const secrets = JSON.parse((await bed.run("get secrets --json --show-secrets")).stdout);
    expect(secrets.map((it: any) => [it.metadata.name, it.oauth.clientSecret])).toEqual([
      ["both", "from-vault"],
      ["files", "from-files"],
    ]);
    expect((await bed.run("delete secret both")).code).toBe(0);
    expect((await bed.run("get secret both --json --show-secrets")).stdout).toContain("from-files");
  });
});

describe("epoxy serve with secrets in Vault", () => {
  it("knows them from all sources, keeps them while Vault fails, and shows their values nowhere", async () => {
    const [xds = 0, admin = 0] = await freePorts(2);
    await using bed = await createBed({
      "gloo-system/default.yaml": settings(`secretOptions:
  sources:
    - vault: {address: "${vault.address}", accessToken: ${vault.token}, rootKey: serve}
    - directory: {directory: certs}`),
      "certs/gloo-system/files.yaml": `metadata: {name: files, namespace: gloo-system}\noauth: {clientSecret: ${marked}}\n`,
    });
    const key = (name: string) => `serve/gloo.solo.io/v1/Secret/gloo-system/${name}`;
    const oauth = (name: string) => ({
      metadata: { name, namespace: "gloo-system" },
      oauth: { clientSecret: marked },
    });
    await vault.putRaw(key("one"), oauth("one"));
    await vault.putRaw(key("broken"), {
      metadata: { name: "broken", namespace: "gloo-system" },
      tls: { privateKey: [marked], ocspStaple: `${marked}!` },
    });
    const args = [
      "serve",
      "--dir",
      bed.dir,
      "--xds-address",
      `127.0.0.1:${xds}`,
      "--admin-address",
      `127.0.0.1:${admin}`,
    ];
    const [node, main] = epoxyCommand;
    await using serving = startChild(node, [main, ...args, "--log-level", "debug"], { env: cleanEnv() });
    const page = async (path: string) => (await httpGet(`http://127.0.0.1:${admin}${path}`)).body;
    const secretKeys = async (): Promise<string[]> => {
      const [secrets] = JSON.parse(await page("/debug/collections?name=secrets")).collections;
      return secrets.keys;
    };
    await waitFor(async () => (await secretKeys()).length === 2, { timeout: 20_000 });
    expect((await secretKeys()).toSorted()).toEqual(["gloo-system/files", "gloo-system/one"]);
    await vault.putRaw(key("two"), oauth("two"));
    await waitFor(async () => (await secretKeys()).length === 3);
    await vault.api("DELETE", `secret/metadata/${key("two")}`);
    await waitFor(async () => (await secretKeys()).length === 2);
    await vault.seal();
    await waitFor(() => serving.output().includes("can't be read, what is known stays in force"));
    expect((await secretKeys()).length).toBe(2);
    await vault.unseal();
    await waitFor(() => serving.output().includes("secrets-0 can be read again"));

    const index = await page("/");
    const paths = index.split("\n").filter((line) => line.startsWith("/"));
    expect(paths.length).toBeGreaterThan(5);
    const pages = await Promise.all(paths.map(page));
    await serving.stop();
    const lines = [serving.output(), ...pages].join("\n").split("\n");
    const linesWith = (text: string) => lines.filter((line) => line.includes(text));
    expect(linesWith("tls.ocspStaple: text is not base64 (and 1 more problem)").length).toBeGreaterThan(0);
    expect(linesWith(marked)).toEqual([]);
    expect(linesWith(vault.token)).toEqual([]);
  });
});
