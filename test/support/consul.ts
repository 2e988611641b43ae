import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findOrFetch } from "../../scripts/binaries.ts";
import { type Child, startChild } from "./child.ts";
import { freePorts } from "./free-port.ts";
import { type HttpAnswer, httpGet } from "./http-get.ts";
import { waitFor } from "./wait-for.ts";

export interface ConsulOptions {
  /** Keep the state on disk, so that a restart finds it. Default false: in memory. */
  readonly persistent?: boolean | undefined;
  /** ACLs, denied by default. */
  readonly acl?: boolean | undefined;
  /** Further settings of the agent's configuration file. */
  readonly config?: Readonly<Record<string, unknown>> & { readonly ports?: Readonly<Record<string, number>> };
}

/** A service instance as Consul's agent takes it. */
interface ServiceInstance {
  readonly Name: string;
  readonly ID?: string;
  readonly Address?: string;
  readonly Port?: number;
  readonly Tags?: readonly string[];
  readonly Meta?: Readonly<Record<string, string>>;
  readonly Check?: object;
}

/** A real Consul: one server with a leader. */
export interface RunningConsul extends AsyncDisposable {
  readonly port: number;
  /** `127.0.0.1:<port>`, as storage and command line take it. */
  readonly address: string;
  /** The token that may do all; empty without ACLs. */
  readonly token: string;
  log(): string;
  /** A request to the HTTP API, such as `api("PUT", "/v1/kv/a", "text")`, with the token that may do all. */
  api(method: string, path: string, body?: string | object): Promise<HttpAnswer>;
  register(instance: ServiceInstance): Promise<void>;
  deregister(id: string): Promise<void>;
  /** Creates a policy of these rules and a token for it. */
  createToken(rules: string): Promise<string>;
  kill(): Promise<void>;
  /** Starts it again on the same ports and, if persistent, on its data. `wipe`: on an empty folder. */
  start(options?: { readonly wipe?: boolean }): Promise<void>;
  stop(): Promise<void>;
}

export async function startConsul(options: ConsulOptions = {}): Promise<RunningConsul> {
  const binary = await findOrFetch("consul");
  const folder = await mkdtemp(join(tmpdir(), "epoxy-consul-"));
  const data = join(folder, "data");
  const [http = 0, server = 0, serf = 0] = await freePorts(3);
  const { ports, ...configWithoutPorts } = options.config ?? {};
  const base = `http://127.0.0.1:${http}`;
  // From 1.14 on there is one more port, which older versions don't know.
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec((await promisify(execFile)(binary, ["version"])).stdout) ?? [];
  const hasGrpcTls = Number(major) > 1 || Number(minor) >= 14;
  const config = {
    bind_addr: "127.0.0.1",
    client_addr: "127.0.0.1",
    datacenter: "dc1",
    node_name: "consul-test",
    log_level: "warn",
    disable_update_check: true,
    leave_on_terminate: false,
    ports: {
      http,
      server,
      serf_lan: serf,
      serf_wan: -1,
      dns: -1,
      grpc: -1,
      https: -1,
      ...(hasGrpcTls && { grpc_tls: -1 }),
      ...ports,
    },
    performance: { raft_multiplier: 1 },
    ...(options.acl === true && { acl: { enabled: true, default_policy: "deny" } }),
    ...(options.persistent === true && { server: true, bootstrap_expect: 1, data_dir: data }),
    ...configWithoutPorts,
  };
  const file = join(folder, "consul.json");
  await writeFile(file, JSON.stringify(config));
  let child: Child | undefined;
  let log = "";
  let token = "";

  const api = (method: string, path: string, body?: string | object): Promise<HttpAnswer> =>
    httpGet(base + path, {
      method,
      body: typeof body === "object" ? JSON.stringify(body) : body,
      headers: token === "" ? {} : { "x-consul-token": token },
    });
  const apiOk = async (method: string, path: string, body?: string | object): Promise<string> => {
    const answer = await api(method, path, body);
    if (answer.status !== 200) throw new Error(`Consul answered ${answer.status} to ${method} ${path}: ${answer.body}`);
    return answer.body;
  };
  const end = async (how: "stop" | "kill"): Promise<void> => {
    await child?.[how]();
    log += child?.output() ?? "";
    child = undefined;
  };
  const start = async (startOptions: { readonly wipe?: boolean } = {}): Promise<void> => {
    if (startOptions.wipe === true) {
      await rm(data, { recursive: true, force: true });
      token = "";
    }
    const started = startChild(binary, [
      "agent",
      ...(options.persistent === true ? [] : ["-dev"]),
      "-config-file",
      file,
    ]);
    child = started;
    // The leader's node is registered a moment after it is elected; services can't be before it.
    const ready = waitFor(
      async () => started.ended() !== undefined || (await httpGet(`${base}/v1/status/leader`)).body.length > 2,
      { timeout: 20_000 },
    );
    await ready.catch(() => {});
    if (started.ended() !== undefined)
      throw new Error(`Consul ended (${started.ended()}):\n${started.output().slice(-4000)}`);
    await ready;
    if (options.acl === true && token === "") {
      const answer = await waitFor(async () => JSON.parse(await apiOk("PUT", "/v1/acl/bootstrap")));
      token = answer.SecretID;
      await apiOk("PUT", "/v1/agent/token/agent", { Token: token });
    }
    await waitFor(async () => JSON.parse(await apiOk("GET", "/v1/catalog/nodes")).length > 0);
  };
  const stop = async (): Promise<void> => {
    // In memory or in a folder that goes: nothing is worth a graceful end.
    await end("kill");
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port: http,
    address: `127.0.0.1:${http}`,
    get token() {
      return token;
    },
    log: () => log + (child?.output() ?? ""),
    api,
    async register(instance) {
      await apiOk("PUT", "/v1/agent/service/register", instance);
    },
    async deregister(id) {
      await apiOk("PUT", `/v1/agent/service/deregister/${id}`);
    },
    async createToken(rules) {
      const policy = JSON.parse(
        await apiOk("PUT", "/v1/acl/policy", { Name: `test-${performance.now()}`.replace(".", "-"), Rules: rules }),
      );
      return JSON.parse(await apiOk("PUT", "/v1/acl/token", { Policies: [{ ID: policy.ID }] })).SecretID;
    },
    kill: () => end("kill"),
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
