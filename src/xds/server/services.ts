import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import { typeUrls } from "../type-urls.ts";

/** A discovery service of Envoy's API. Its method's kind is told by the name, `Stream…` or `Delta…`. */
export interface DiscoveryService {
  readonly definition: ServiceDefinition;
  readonly methods: readonly {
    readonly name: string;
    readonly mode: "sotw" | "delta";
    /** Undefined: aggregated, each request names its type. */
    readonly typeUrl: string | undefined;
  }[];
}

const prefix = "envoy.service.";

/** All of them, over the transport version v3. */
export const discoveryServices: readonly DiscoveryService[] = [
  service(
    "discovery.v3.AggregatedDiscoveryService",
    undefined,
    "StreamAggregatedResources",
    "DeltaAggregatedResources",
  ),
  service("listener.v3.ListenerDiscoveryService", typeUrls.listener, "StreamListeners", "DeltaListeners"),
  service("route.v3.RouteDiscoveryService", typeUrls.route, "StreamRoutes", "DeltaRoutes"),
  service("route.v3.ScopedRoutesDiscoveryService", typeUrls.scopedRoute, "StreamScopedRoutes", "DeltaScopedRoutes"),
  service("route.v3.VirtualHostDiscoveryService", typeUrls.virtualHost, "DeltaVirtualHosts"),
  service("cluster.v3.ClusterDiscoveryService", typeUrls.cluster, "StreamClusters", "DeltaClusters"),
  service("endpoint.v3.EndpointDiscoveryService", typeUrls.endpoint, "StreamEndpoints", "DeltaEndpoints"),
  service("secret.v3.SecretDiscoveryService", typeUrls.secret, "StreamSecrets", "DeltaSecrets"),
  service("runtime.v3.RuntimeDiscoveryService", typeUrls.runtime, "StreamRuntime", "DeltaRuntime"),
  service(
    "extension.v3.ExtensionConfigDiscoveryService",
    typeUrls.extensionConfig,
    "StreamExtensionConfigs",
    "DeltaExtensionConfigs",
  ),
];

function service(name: string, typeUrl: string | undefined, ...methods: readonly string[]): DiscoveryService {
  return {
    definition: Object.fromEntries(methods.map((method) => [method, bytesMethod(`/${prefix}${name}/${method}`)])),
    methods: methods.map((method) => ({
      name: method,
      mode: method.startsWith("Delta") ? "delta" : "sotw",
      typeUrl,
    })),
  };
}

/** A stream in both directions whose messages stay bytes. */
export function bytesMethod(path: string): MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
