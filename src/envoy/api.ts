/**
 * The messages of Envoy's API that the translator makes, under names that can't be mistaken for the messages of ours
 * that they are made from. Everything here is generated.
 */
export { CircuitBreakers_Thresholds as EnvoyCircuitBreakerThresholds } from "../../generated/envoy/envoy/config/cluster/v3/circuit_breaker.ts";
export {
  Cluster as EnvoyCluster,
  Cluster_CommonLbConfig,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  Cluster_LbSubsetConfig,
  Cluster_LbSubsetConfig_LbSubsetFallbackPolicy,
  Cluster_LbSubsetConfig_LbSubsetSelector,
  Cluster_RingHashLbConfig,
  Cluster_SlowStartConfig,
  Cluster_TransportSocketMatch,
  UpstreamConnectionOptions,
} from "../../generated/envoy/envoy/config/cluster/v3/cluster.ts";
export { OutlierDetection as EnvoyOutlierDetection } from "../../generated/envoy/envoy/config/cluster/v3/outlier_detection.ts";
export {
  Address as EnvoyAddress,
  SocketAddress as EnvoySocketAddress,
} from "../../generated/envoy/envoy/config/core/v3/address.ts";
export {
  HeaderValueOption as EnvoyHeaderValueOption,
  HeaderValueOption_HeaderAppendAction,
  Metadata as EnvoyMetadata,
  RequestMethod as EnvoyRequestMethod,
  TransportSocket as EnvoyTransportSocket,
} from "../../generated/envoy/envoy/config/core/v3/base.ts";
export {
  ApiVersion,
  ConfigSource as EnvoyConfigSource,
} from "../../generated/envoy/envoy/config/core/v3/config_source.ts";
export type { TypedExtensionConfig as EnvoyExtensionConfig } from "../../generated/envoy/envoy/config/core/v3/extension.ts";
export {
  HealthCheck as EnvoyHealthCheck,
  HealthCheck_HttpHealthCheck as EnvoyHttpHealthCheck,
  HealthCheck_Payload as EnvoyHealthCheckPayload,
} from "../../generated/envoy/envoy/config/core/v3/health_check.ts";
export {
  Http1ProtocolOptions as EnvoyHttp1ProtocolOptions,
  Http2ProtocolOptions as EnvoyHttp2ProtocolOptions,
  HttpProtocolOptions as EnvoyCommonHttpProtocolOptions,
} from "../../generated/envoy/envoy/config/core/v3/protocol.ts";
export { ClusterLoadAssignment } from "../../generated/envoy/envoy/config/endpoint/v3/endpoint.ts";
export {
  Endpoint as EnvoyEndpoint,
  LbEndpoint,
  LocalityLbEndpoints,
} from "../../generated/envoy/envoy/config/endpoint/v3/endpoint_components.ts";
export { Listener as EnvoyListener } from "../../generated/envoy/envoy/config/listener/v3/listener.ts";
export { Filter, FilterChain } from "../../generated/envoy/envoy/config/listener/v3/listener_components.ts";
export { RouteConfiguration } from "../../generated/envoy/envoy/config/route/v3/route.ts";
export {
  DirectResponseAction as EnvoyDirectResponseAction,
  FilterConfig as EnvoyFilterConfig,
  HeaderMatcher as EnvoyHeaderMatcher,
  QueryParameterMatcher as EnvoyQueryParameterMatcher,
  RedirectAction as EnvoyRedirectAction,
  RetryPolicy as EnvoyRetryPolicy,
  RetryPolicy_ResetHeaderFormat as EnvoyResetHeaderFormat,
  Route as EnvoyRoute,
  RouteAction as EnvoyRouteAction,
  RouteAction_ClusterNotFoundResponseCode as ClusterNotFoundResponseCode,
  RouteMatch as EnvoyRouteMatch,
  VirtualHost as EnvoyVirtualHost,
  WeightedCluster as EnvoyWeightedCluster,
  WeightedCluster_ClusterWeight as EnvoyClusterWeight,
} from "../../generated/envoy/envoy/config/route/v3/route_components.ts";
export { ScopedRouteConfiguration } from "../../generated/envoy/envoy/config/route/v3/scoped_route.ts";
export { Lua as LuaFilter } from "../../generated/envoy/envoy/extensions/filters/http/lua/v3/lua.ts";
export { Router } from "../../generated/envoy/envoy/extensions/filters/http/router/v3/router.ts";
export {
  HttpConnectionManager,
  HttpFilter,
} from "../../generated/envoy/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
export { HeaderMutation as EarlyHeaderMutation } from "../../generated/envoy/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.ts";
export { UpstreamTlsContext } from "../../generated/envoy/envoy/extensions/transport_sockets/tls/v3/tls.ts";
export {
  HttpProtocolOptions as EnvoyUpstreamHttpProtocolOptions,
  HttpProtocolOptions_ExplicitHttpConfig as EnvoyExplicitHttpConfig,
} from "../../generated/envoy/envoy/extensions/upstreams/http/v3/http_protocol_options.ts";
export {
  RegexMatchAndSubstitute as EnvoyRegexMatchAndSubstitute,
  RegexMatcher as EnvoyRegexMatcher,
} from "../../generated/envoy/envoy/type/matcher/v3/regex.ts";
export { StringMatcher as EnvoyStringMatcher } from "../../generated/envoy/envoy/type/matcher/v3/string.ts";
export { CodecClientType } from "../../generated/envoy/envoy/type/v3/http.ts";
export { Any } from "../../generated/envoy/google/protobuf/any.ts";
export type { Duration } from "../../generated/envoy/google/protobuf/duration.ts";
