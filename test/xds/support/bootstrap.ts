import type { JsonObject } from "@bufbuild/protobuf";
import type { Authority } from "../../support/certificates.ts";

/** How an Envoy gets its configuration. */
export type Mode =
  | "sotw ADS"
  | "delta ADS"
  | "sotw, a stream per type"
  | "delta, a stream per type"
  | "REST"
  | "mutual TLS";

export const modes: readonly Mode[] = [
  "sotw ADS",
  "delta ADS",
  "sotw, a stream per type",
  "delta, a stream per type",
  "REST",
  "mutual TLS",
];

/** Where resources come from, as resources that refer to others say it. */
export function configSource(mode: Mode): JsonObject {
  if (isAggregated(mode)) return { resourceApiVersion: "V3", ads: {} };
  return { resourceApiVersion: "V3", apiConfigSource: apiSource(mode) };
}

/** Mutual TLS is tried with state of the world over ADS. */
const isAggregated = (mode: Mode): boolean => mode.endsWith("ADS") || mode === "mutual TLS";

function apiSource(mode: Mode): JsonObject {
  if (mode === "REST") {
    return { apiType: "REST", transportApiVersion: "V3", clusterNames: ["rest_cluster"], refreshDelay: "0.1s" };
  }
  return {
    apiType: mode.startsWith("delta") ? "DELTA_GRPC" : "GRPC",
    transportApiVersion: "V3",
    grpcServices: [{ envoyGrpc: { clusterName: "xds_cluster" } }],
  };
}

export interface BootstrapOptions {
  readonly mode: Mode;
  readonly xdsPort: number;
  readonly restPort?: number;
  readonly id?: string;
  /** Of the cluster with the control plane: TLS, say. */
  readonly transportSocket?: JsonObject;
  /** Merged over the rest. */
  readonly more?: JsonObject;
}

/** A bootstrap whose listeners and clusters come from an xDS server on loopback. */
export function bootstrapFor(options: BootstrapOptions): JsonObject {
  const { mode, xdsPort, restPort = 1, transportSocket } = options;
  const source = configSource(mode);
  const http2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  const cluster = (name: string, port: number, more: JsonObject): JsonObject => ({
    name,
    connectTimeout: "5s",
    loadAssignment: {
      clusterName: name,
      endpoints: [
        { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: "127.0.0.1", portValue: port } } } }] },
      ],
    },
    ...more,
  });
  return {
    node: { id: options.id ?? "envoy-1", cluster: "gateway", metadata: { role: "gloo-system~gateway-proxy" } },
    staticResources: {
      clusters: [
        cluster("xds_cluster", xdsPort, {
          ...(transportSocket && { transportSocket }),
          typedExtensionProtocolOptions: {
            [http2]: { "@type": `type.googleapis.com/${http2}`, explicitHttpConfig: { http2ProtocolOptions: {} } },
          },
        }),
        cluster("rest_cluster", restPort, {}),
      ],
    },
    dynamicResources: {
      ...(isAggregated(mode) && { adsConfig: apiSource(mode) }),
      cdsConfig: source,
      ldsConfig: source,
    },
    ...options.more,
  };
}

/** TLS to the control plane, with a certificate of one's own. */
export async function mutualTls(authority: Authority): Promise<JsonObject> {
  const { cert, key } = await authority.issue("envoy");
  return {
    name: "tls",
    typedConfig: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
      sni: "localhost",
      commonTlsContext: {
        tlsCertificates: [{ certificateChain: { filename: cert }, privateKey: { filename: key } }],
        validationContext: { trustedCa: { filename: authority.ca } },
      },
    },
  };
}
