import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { findOrFetch } from "../../scripts/binaries.ts";
import { type Child, startChild } from "./child.ts";
import { freePort } from "./free-port.ts";
import { httpGet } from "./http-get.ts";
import { waitFor } from "./wait-for.ts";

export interface EnvoyOptions {
  /** A bootstrap as YAML, JSON or an object. Its admin address is replaced by a free port of 127.0.0.1. */
  readonly bootstrap: string | object;
  /** Worker threads; default 1. */
  readonly concurrency?: number | undefined;
  /** Default `warning`. */
  readonly logLevel?: string | undefined;
  /** Path of the program; default: the one that all tests use. */
  readonly binary?: string | undefined;
  /** Further ones on the command line. */
  readonly arguments?: readonly string[] | undefined;
  /** Extensions that this Envoy is to lack, as an older or smaller build does: `<category>/<name>`. */
  readonly without?: readonly string[] | undefined;
}

/** A real Envoy. */
export interface RunningEnvoy extends Omit<Child, "output" | "ended"> {
  readonly adminPort: number;
  log(): string;
  /** GET on the admin port; rejects unless it answers 200. */
  admin(path: string): Promise<string>;
  /** `/config_dump`, with endpoints. */
  configDump(): Promise<{ readonly configs: readonly any[] }>;
  /** The value of a counter or gauge; undefined where there is none of that name. */
  stat(name: string): Promise<number | undefined>;
  /** Resolves when the server has its first configuration from all sources, and listens. */
  live(timeout?: number): Promise<void>;
}

/** Starts an Envoy and waits until its admin port answers. Rejects with its log if it refuses the bootstrap. */
export async function startEnvoy(options: EnvoyOptions): Promise<RunningEnvoy> {
  const binary = options.binary ?? (await findOrFetch("envoy"));
  const adminPort = await freePort();
  const given = (typeof options.bootstrap === "string" ? parse(options.bootstrap) : options.bootstrap) as object;
  const bootstrap = {
    ...given,
    admin: { address: { socket_address: { address: "127.0.0.1", port_value: adminPort } } },
  };
  const folder = await mkdtemp(join(tmpdir(), "epoxy-envoy-"));
  const file = join(folder, "envoy.yaml");
  await writeFile(file, stringify(bootstrap));
  const settings = ["-c", file, "--disable-hot-restart", "--use-dynamic-base-id"];
  const speed = ["--concurrency", `${options.concurrency ?? 1}`, "--log-level", options.logLevel ?? "warning"];
  const less = options.without === undefined ? [] : ["--disable-extensions", options.without.join(",")];
  const child = startChild(binary, [...settings, ...speed, ...less, ...(options.arguments ?? [])]);
  const admin = async (path: string): Promise<string> => {
    const answer = await httpGet(`http://127.0.0.1:${adminPort}${path}`);
    if (answer.status !== 200)
      throw new Error(`Envoy's admin port answered ${answer.status} to ${path}: ${answer.body}`);
    return answer.body;
  };
  const checkRunning = (): void => {
    if (child.ended() !== undefined) throw new Error(`Envoy ended (${child.ended()}):\n${child.output().slice(-4000)}`);
  };
  const reached = async (path: string, timeout: number): Promise<void> => {
    const done = await waitFor(async () => child.ended() ?? (await admin(path)), { timeout });
    if (done === child.ended()) checkRunning();
  };
  const end = async (how: "stop" | "kill"): Promise<void> => {
    await child[how]();
    await rm(folder, { recursive: true, force: true });
  };
  const envoy: RunningEnvoy = {
    pid: child.pid,
    adminPort,
    log: () => child.output(),
    admin,
    configDump: async () => JSON.parse(await admin("/config_dump?include_eds")),
    async stat(name) {
      const { stats } = JSON.parse(
        await admin(`/stats?format=json&filter=${encodeURIComponent(`^${name.replaceAll(".", "\\.")}$`)}`),
      );
      return (stats as { name?: string; value?: number }[]).find((stat) => stat.name === name)?.value;
    },
    live: (timeout = 20_000) => reached("/ready", timeout),
    stop: () => end("stop"),
    kill: () => end("kill"),
    [Symbol.asyncDispose]: () => end("stop"),
  };
  try {
    await reached("/server_info", 20_000);
  } catch (error) {
    await end("kill");
    throw error;
  }
  return envoy;
}

/** The bootstrap of Gloo's examples: one static cluster with the control plane, listeners and clusters over ADS. */
export function glooBootstrap(options: {
  readonly xdsPort: number;
  /** Default `gloo-system~gateway-proxy`. */
  readonly role?: string;
  readonly id?: string;
  /** Default false: state of the world. */
  readonly delta?: boolean;
}): object {
  const address = { socket_address: { address: "127.0.0.1", port_value: options.xdsPort } };
  return {
    node: {
      cluster: "gateway",
      id: options.id ?? "docker-compose-node",
      metadata: { role: options.role ?? "gloo-system~gateway-proxy" },
    },
    static_resources: {
      clusters: [
        {
          name: "xds_cluster",
          connect_timeout: "5.000s",
          type: "STRICT_DNS",
          load_assignment: {
            cluster_name: "xds_cluster",
            endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
          },
          typed_extension_protocol_options: {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
              "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        },
      ],
    },
    dynamic_resources: {
      ads_config: {
        api_type: options.delta === true ? "DELTA_GRPC" : "GRPC",
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: "xds_cluster" } }],
      },
      cds_config: { resource_api_version: "V3", ads: {} },
      lds_config: { resource_api_version: "V3", ads: {} },
    },
  };
}
