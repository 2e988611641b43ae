import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Secret, SecretKind } from "../../generated/sdk/index.ts";
import type { Storage } from "../../src/storage/index.ts";
import { createVaultStorage, type VaultAuth, type VaultStorageOptions } from "../../src/storage/vault/index.ts";
import { type Follower, follow } from "../contracts/support/follow.ts";
import { type Authority, createAuthority } from "../support/certificates.ts";
import { type HttpRecorder, startHttpRecorder } from "../support/http-recorder.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { type RunningVault, startVault } from "../support/vault.ts";
import { waitFor } from "../support/wait-for.ts";

const cluster = useKubeCluster();
const policy = `
path "secret/data/gloo/*" { capabilities = ["create", "read", "update"] }
path "secret/metadata/gloo/*" { capabilities = ["read", "list"] }`;
const renewal = "POST /v1/auth/token/renew-self";

let authority: Authority;
let vault: RunningVault;
let through: HttpRecorder;
let folder: string;
let policies: readonly string[];
const opened: Storage[] = [];
beforeAll(async () => {
  authority = await createAuthority();
  const server = await authority.issue("server", { names: "DNS:vault.test" });
  vault = await startVault({ tls: { ...server, clientCa: authority.ca } });
  through = await startHttpRecorder(vault.port);
  folder = await mkdtemp(join(tmpdir(), "epoxy-vault-login-"));
  policies = [await vault.createPolicy(policy)];
  await vault.api("POST", "sys/auth/approle", { type: "approle" });
  await vault.putRaw("gloo/gloo.solo.io/v1/Secret/gloo-system/one", {
    metadata: { name: "one", namespace: "gloo-system" },
    oauth: { clientSecret: "x" },
  });
});
beforeEach(() => {
  through.requests.length = 0;
});
afterEach(() => closeAll());
afterAll(async () => {
  await through?.close();
  await vault?.stop();
  await authority?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((storage) => storage.close()));
}

const open = (auth: VaultAuth, options: Partial<VaultStorageOptions> = {}) => {
  const storage = createVaultStorage({ address: through.address, auth, refreshInterval: 50, ...options });
  opened.push(storage);
  return storage.client(SecretKind);
};
const requestsTo = (path: string): number => through.requests.filter((line) => line.includes(path)).length;
const wasNeverStale = (seen: Follower<Secret>): boolean => seen.events.every(({ type }) => type !== "stale");

/** An AppRole whose tokens live as long as the options say. */
async function appRole(name: string, options: object): Promise<VaultAuth & { readonly secretIdFile: string }> {
  await vault.api("POST", `auth/approle/role/${name}`, { token_policies: policies, ...options });
  const roleId = (await vault.api("GET", `auth/approle/role/${name}/role-id`)).data.role_id;
  const secretIdFile = join(folder, `${name}-secret-id`);
  const { data } = await vault.api("POST", `auth/approle/role/${name}/secret-id`, {});
  await writeFile(secretIdFile, `${data.secret_id}\n`);
  return { type: "appRole", roleId, secretIdFile };
}

describe("a login to Vault", () => {
  it("by AppRole is renewed while it can be, and replaced by another where its time is up", async () => {
    const seen = follow(open(await appRole("short", { token_ttl: "2s", token_max_ttl: "5s" })).watch());
    await seen.sees("gloo-system/one");
    // The whole takes as long as the longest life of a token.
    await waitFor(() => requestsTo("approle/login") >= 2 && requestsTo(renewal) >= 2, { timeout: 15_000 });
    expect(wasNeverStale(seen)).toBe(true);
  });

  it("is repeated when its token is revoked, without a moment's staleness", async () => {
    const accessors = async (): Promise<string[]> =>
      (await vault.api("GET", "auth/token/accessors?list=true")).data.keys;
    const before = new Set(await accessors());
    const seen = follow(open(await appRole("revoked", { token_ttl: "1h" })).watch());
    await seen.sees("gloo-system/one");
    const [accessor] = (await accessors()).filter((it) => !before.has(it));
    await vault.api("POST", "auth/token/revoke-accessor", { accessor });
    await waitFor(() => requestsTo("approle/login") === 2);
    const looks = through.requests.length;
    await waitFor(() => through.requests.length > looks + 5);
    expect(wasNeverStale(seen)).toBe(true);
    expect(requestsTo("approle/login")).toBe(2);
    await closeAll();
    expect((await accessors()).filter((it) => !before.has(it))).toEqual([]);
  });

  it("that is refused names the method, and no secret", async () => {
    const auth = await appRole("refused", {});
    await writeFile(auth.secretIdFile, "MARKED-secret-id");
    const error = await open(auth)
      .list()
      .catch((reason: unknown) => reason as Error);
    expect((error as Error).message).toMatch(/refused the login \(auth\/approle\/login\): 400/);
    expect(`${(error as Error).stack}`).not.toContain("MARKED");
    await expect(open({ type: "tokenFile", path: join(folder, "none") }).list()).rejects.toThrow(
      /the token for Vault can't be read: .*none/,
    );
  });

  it("with a token in a file takes the file's new token when the old one ends", async () => {
    const path = join(folder, "token");
    const [first, second] = [await vault.createToken(policy), await vault.createToken(policy)];
    await writeFile(path, first);
    const seen = follow(open({ type: "tokenFile", path }).watch());
    await seen.sees("gloo-system/one");
    await writeFile(path, `${second}\n`);
    await vault.api("POST", "auth/token/revoke", { token: first });
    const looks = through.requests.length;
    await waitFor(() => through.requests.length > looks + 8);
    expect(wasNeverStale(seen)).toBe(true);
  });

  it("with a plain token renews it, so that it outlives its lease", async () => {
    const token = await vault.createToken(policy, { period: "2s" });
    const seen = follow(open({ type: "token", token }).watch());
    await seen.sees("gloo-system/one");
    await waitFor(() => requestsTo(renewal) >= 3, { timeout: 10_000 });
    expect(wasNeverStale(seen)).toBe(true);
  });

  it("is asked for no more than a few times where the token is good and merely lacks a permission", async () => {
    const auth = await appRole("poor", { token_policies: ["default"] });
    const seen = follow(open(auth, { backoff: { initial: 10, max: 20 } }).watch());
    await seen.until(({ isStale }) => isStale);
    await waitFor(() => through.requests.length > 20);
    expect(requestsTo("approle/login")).toBe(1);
    expect(requestsTo("lookup-self")).toBe(1);
  });

  it("by a service account of Kubernetes goes by the token that is in the file then", async () => {
    const { namespace, serviceAccount, address, url } = cluster();
    const own = await namespace();
    const reviews = { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] };
    const reviewer = await serviceAccount({ namespace: own, clusterRules: [reviews] });
    const jwt = await serviceAccount({ namespace: own });
    await vault.api("POST", "sys/auth/kubernetes", { type: "kubernetes" });
    await vault.api("POST", "auth/kubernetes/config", {
      kubernetes_host: url,
      kubernetes_ca_cert: address.certificate,
      token_reviewer_jwt: reviewer,
      disable_local_ca_jwt: true,
    });
    await vault.api("POST", "auth/kubernetes/role/epoxy", {
      bound_service_account_names: "*",
      bound_service_account_namespaces: own,
      token_policies: policies,
      token_ttl: "1s",
      token_max_ttl: "2s",
    });
    const tokenFile = join(folder, "service-account-token");
    await writeFile(tokenFile, jwt);
    const seen = follow(open({ type: "kubernetes", role: "epoxy", tokenFile }).watch());
    await seen.sees("gloo-system/one");
    await waitFor(() => requestsTo("kubernetes/login") >= 2, { timeout: 10_000 });
    expect(wasNeverStale(seen)).toBe(true);
    await closeAll();
    await writeFile(tokenFile, "no.such.token");
    await expect(open({ type: "kubernetes", role: "epoxy", tokenFile }).list()).rejects.toThrow(
      /refused the login \(auth\/kubernetes\/login\)/,
    );
  });
});

describe("the policy in docs/vault.md", () => {
  it("is enough to read and watch, and with what the text adds to write and delete, but not before", async () => {
    const docs = await readFile(join(import.meta.dirname, "../../docs/vault.md"), "utf8");
    const written = /```hcl\n([^`]*)```/.exec(docs)?.[1] ?? "";
    const reading = open({ type: "token", token: await vault.createToken(written) });
    await follow(reading.watch()).sees("gloo-system/one");
    const metadata = { name: "two", namespace: "gloo-system" };
    const two = SecretKind.type.codec.fromPartial({ metadata, kind: { $case: "oauth", value: { clientSecret: "x" } } });
    await expect(reading.write(two)).rejects.toThrow(/403 .*permission denied/);
    const added = `
path "secret/data/gloo/*" { capabilities = ["create", "read", "update"] }
path "secret/metadata/gloo/*" { capabilities = ["read", "list", "delete"] }
path "secret/delete/gloo/*" { capabilities = ["update"] }`;
    const writing = open({ type: "token", token: await vault.createToken(added) });
    const first = await writing.write(two);
    const second = await writing.write({ ...two, metadata: first.metadata }, { overwrite: true });
    await writing.delete(metadata, { resourceVersion: second.metadata?.resourceVersion });
    await writing.write(two);
    await writing.delete(metadata);
  });
});

describe("TLS to Vault", () => {
  const list = async (tls: VaultStorageOptions["tls"]) => {
    const auth = { type: "token", token: vault.token } as const;
    return (await open(auth, { address: `https://127.0.0.1:${vault.tlsPort}`, tls }).list()).items.length;
  };

  it("checks the server's certificate and name, and shows the client's", async () => {
    const client = await authority.issue("client");
    const ours = { ca: authority.ca, ...client, serverName: "vault.test" };
    expect(await list(ours)).toBe(1);
    expect(await list({ ...client, insecure: true })).toBe(1);
    await expect(list({ ...ours, ca: undefined })).rejects.toThrow(/doesn't answer .*(SELF_SIGNED|UNABLE_TO)/);
    await expect(list({ ...ours, serverName: undefined })).rejects.toThrow(/ERR_TLS_CERT_ALTNAME_INVALID/);
    await expect(list({ ...ours, cert: undefined, key: undefined })).rejects.toThrow(/doesn't answer/);
    const authorities = await mkdtemp(join(folder, "authorities-"));
    await writeFile(join(authorities, "a.pem"), await readFile(authority.ca));
    expect(await list({ ...ours, ca: undefined, caPath: authorities })).toBe(1);
  });

  it("says which file can't be read, and that a certificate needs its key", () => {
    const auth = { type: "token", token: "x" } as const;
    expect(() => open(auth, { tls: { ca: join(folder, "none.pem") } })).toThrow(
      /the CA's certificate for Vault can't be read: .*none.pem/,
    );
    expect(() => open(auth, { tls: { cert: "a.pem" } })).toThrow(/belong together/);
    expect(() => open(auth, { address: "s.token-in-the-wrong-field" })).toThrow(/^Vault's address is no URL/);
  });
});
