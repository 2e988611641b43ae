import { hostname } from "node:os";
import { isIP } from "node:net";
import { type JsonValue, renderYaml } from "../../resources/index.ts";
import type { Invocation } from "../command.ts";
import { UsageError } from "../usage-error.ts";
import type { bootstrapOptions } from "./proxy-specs.ts";

const cluster = "xds_cluster";

/** Each failure doubles the interval, of which Envoy waits a random part. */
const RETRY: JsonValue = { retry_back_off: { base_interval: "0.1s", max_interval: "10s" } };

/** `epoxy proxy bootstrap`. Field names and defaults: Envoy's `config.bootstrap.v3.Bootstrap`. */
export async function proxyBootstrap({ values, terminal }: Invocation<typeof bootstrapOptions>): Promise<undefined> {
  if (values.delta && values.sotw) throw new UsageError("give --delta or --sotw, not both");
  const { host, port } = readAddress(values["xds-address"]);
  const role = readRole(values.role);
  const token = tokenSource(values);
  if (token !== undefined && !values.tls) {
    terminal.error("warning: without --tls the token can be read on the way to the control plane\n");
  }
  const bootstrap: JsonValue = {
    node: {
      id: values["node-id"] || `${role.split("~")[1]}-${hostname()}`,
      cluster: values["node-cluster"],
      metadata: { role },
    },
    admin: { address: socketAddress(values["admin-host"], values["admin-port"]) },
    // Most clusters of a large configuration carry no traffic in most proxies: their statistics are made at the first request. With 5,000
    // clusters that takes 40 % off the CPU time of Envoy's start.
    deferred_stat_options: { enable_deferred_creation_stats: true },
    dynamic_resources: {
      ads_config: {
        api_type: values.sotw ? "GRPC" : "DELTA_GRPC",
        transport_api_version: "V3",
        // Where both start together, Envoy is the first to be ready, and after a few failures waits for up to a second or two by its defaults (500 ms, 30 s).
        grpc_services: [{ envoy_grpc: { cluster_name: cluster, retry_policy: RETRY } }],
        set_node_on_first_message_only: true,
      },
      cds_config: { resource_api_version: "V3", ads: {} },
      lds_config: { resource_api_version: "V3", ads: {} },
    },
    static_resources: {
      clusters: [
        {
          name: cluster,
          type: isIP(host) === 0 ? "STRICT_DNS" : "STATIC",
          connect_timeout: "5s",
          // A control plane that vanished without a word is noticed within a minute.
          typed_extension_protocol_options: {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
              "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
              explicit_http_config: {
                http2_protocol_options: { connection_keepalive: { interval: "30s", timeout: "10s" } },
              },
              ...(token !== undefined && { http_filters: sendToken }),
            },
          },
          load_assignment: {
            cluster_name: cluster,
            endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(host, port) } }] }],
          },
          ...(values.tls ? { transport_socket: tlsSocket(values, host) } : {}),
        },
      ],
      ...(token !== undefined && { secrets: [{ name: tokenSecret, generic_secret: { secret: token } }] }),
    },
  };
  terminal.out(
    values.output === "json" || values.json ? `${JSON.stringify(bootstrap, undefined, 2)}\n` : renderYaml(bootstrap),
  );
  return undefined;
}

const socketAddress = (address: string, port: number): JsonValue => ({ socket_address: { address, port_value: port } });

function readAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port < 1 || port > 65_535) {
    throw new UsageError(`option --xds-address needs host:port, such as 127.0.0.1:9977, found "${text}"`);
  }
  return { host, port };
}

/** The key that the control plane knows proxies by: `<namespace>~<proxy>`. */
function readRole(text: string): string {
  const role = text.includes("~") ? text : `gloo-system~${text}`;
  if (/^[^~\s]+~[^~\s]+$/.test(role)) return role;
  throw new UsageError(`option --role needs <namespace>~<proxy>, such as gloo-system~gateway-proxy, found "${text}"`);
}

function tlsSocket(values: Invocation<typeof bootstrapOptions>["values"], host: string): JsonValue {
  const { "tls-cert": certificate, "tls-key": key, "tls-ca": ca } = values;
  const name = values["tls-name"] || host;
  if (Boolean(certificate) !== Boolean(key))
    throw new UsageError("--tls-cert and --tls-key belong together: give both");
  const sanType = isIP(name) === 0 ? "DNS" : "IP_ADDRESS";
  const own =
    certificate && key ? { tls_certificates: [{ certificate_chain: file(certificate), private_key: file(key) }] } : {};
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
      ...(sanType === "DNS" ? { sni: name } : {}),
      common_tls_context: {
        ...own,
        validation_context: {
          trusted_ca: file(ca),
          match_typed_subject_alt_names: [{ san_type: sanType, matcher: { exact: name } }],
        },
      },
    },
  };
}

/** Where Envoy finds the token, which is never in the bootstrap itself; undefined: it needs none. */
function tokenSource(values: Invocation<typeof bootstrapOptions>["values"]): JsonValue | undefined {
  const { "token-file": path, "token-env": variable } = values;
  if (path && variable) throw new UsageError("give --token-file or --token-env, not both");
  if (path) return file(path);
  return variable ? { environment_variable: variable } : undefined;
}

const tokenSecret = "xds_token";

/** Adds the token to each request to the control plane. */
const sendToken: JsonValue = [
  {
    name: "envoy.filters.http.credential_injector",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
      overwrite: true,
      credential: {
        name: "envoy.http.injected_credentials.generic",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
          credential: { name: tokenSecret },
          header: "authorization",
          header_value_prefix: "Bearer ",
        },
      },
    },
  },
  {
    name: "envoy.filters.http.upstream_codec",
    typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec" },
  },
];

const file = (filename: string): JsonValue => ({ filename });
