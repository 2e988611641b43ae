import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findOrFetch } from "../../scripts/binaries.ts";
import { type Child, startChild } from "./child.ts";
import { freePorts } from "./free-port.ts";
import { type HttpAnswer, httpGet } from "./http-get.ts";
import { waitFor } from "./wait-for.ts";

/** A real OpenBao (or Vault) in its development mode: in memory, unsealed, with a key-value engine at `secret`. */
export interface RunningVault extends AsyncDisposable {
  readonly port: number;
  readonly address: string;
  /** Of the second listener. */
  readonly tlsPort: number;
  /** The token that may do all. */
  readonly token: string;
  /** A request to the HTTP API below `/v1/`, with the token that may do all; anything but success is an error. */
  api(method: string, path: string, body?: object): Promise<any>;
  /** The same with another token, and whatever the answer is. */
  ask(method: string, path: string, body?: object, token?: string): Promise<HttpAnswer>;
  /** Sets a secret's data past all rules, and answers its version. */
  putRaw(key: string, data: unknown): Promise<number>;
  /** Makes a token with a policy of these rules. */
  createToken(rules: string, options?: object): Promise<string>;
  createPolicy(rules: string): Promise<string>;
  seal(): Promise<void>;
  unseal(): Promise<void>;
  kill(): Promise<void>;
  /** Starts it anew on its port, with nothing in it. */
  start(): Promise<void>;
  log(): string;
  stop(): Promise<void>;
}

export interface VaultOptions {
  /** A second listener, by TLS, that asks for certificates of the authority. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa: string } | undefined;
}

export async function startVault(options: VaultOptions = {}): Promise<RunningVault> {
  const binary = await findOrFetch("bao", { onProgress: (line) => process.stderr.write(`${line}\n`) });
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const home = await mkdtemp(join(tmpdir(), "epoxy-vault-"));
  const address = `http://127.0.0.1:${port}`;
  const token = `root-${randomUUID()}`;
  let child: Child | undefined;

  const ask = (method: string, path: string, body?: object, as = token): Promise<HttpAnswer> =>
    httpGet(`${address}/v1/${path}`, {
      method,
      headers: { "x-vault-token": as },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  const api = async (method: string, path: string, body?: object): Promise<any> => {
    const answer = await ask(method, path, body);
    if (answer.status >= 300) throw new Error(`Vault answered ${answer.status} to ${method} ${path}: ${answer.body}`);
    return answer.body === "" ? undefined : JSON.parse(answer.body);
  };
  const start = async (): Promise<void> => {
    const dev = ["-dev", "-dev-no-store-token", `-dev-root-token-id=${token}`];
    const listener = options.tls === undefined ? [] : [`-config=${await tlsConfig(home, tlsPort, options.tls)}`];
    const started = startChild(binary, ["server", ...dev, `-dev-listen-address=127.0.0.1:${port}`, ...listener], {
      env: { HOME: home, VAULT_ADDR: address, BAO_ADDR: address },
    });
    child = started;
    const ready = waitFor(
      async () => started.ended() !== undefined || (await ask("GET", "secret/config")).status === 200,
      { timeout: 20_000 },
    );
    await ready.catch(() => {});
    if (started.ended() !== undefined)
      throw new Error(`Vault ended (${started.ended()}):\n${started.output().slice(-4000)}`);
    await ready;
  };
  const createPolicy = async (rules: string): Promise<string> => {
    const name = `test-${randomUUID()}`;
    await api("PUT", `sys/policies/acl/${name}`, { policy: rules });
    return name;
  };
  const stop = async (): Promise<void> => {
    await child?.kill();
    await rm(home, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    address,
    tlsPort,
    token,
    api,
    ask,
    async putRaw(key, data) {
      return (await api("POST", `secret/data/${key}`, { data })).data.version;
    },
    createPolicy,
    async createToken(rules, options = {}) {
      const policies = [await createPolicy(rules)];
      return (await api("POST", "auth/token/create", { policies, ...options })).auth.client_token;
    },
    async seal() {
      await api("PUT", "sys/seal");
    },
    async unseal() {
      // It may answer before it has told the key.
      const key = (): string | undefined => /Unseal Key: (\S+)\s/.exec(child?.output() ?? "")?.[1];
      await waitFor(() => key() !== undefined);
      await api("PUT", "sys/unseal", { key: key() });
      await waitFor(async () => (await ask("GET", "secret/config")).status === 200);
    },
    async kill() {
      await child?.kill();
    },
    start,
    log: () => child?.output() ?? "",
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function tlsConfig(folder: string, port: number, tls: NonNullable<VaultOptions["tls"]>): Promise<string> {
  const file = join(folder, "listener.json");
  const tcp = {
    address: `127.0.0.1:${port}`,
    tls_cert_file: tls.cert,
    tls_key_file: tls.key,
    tls_client_ca_file: tls.clientCa,
    tls_require_and_verify_client_cert: true,
  };
  await writeFile(file, JSON.stringify({ listener: [{ tcp }] }));
  return file;
}
