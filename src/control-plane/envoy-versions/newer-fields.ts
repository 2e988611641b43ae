/** A field, or a value of an enum, that not every supported Envoy knows. */
export interface NewerField {
  /** Full name of the field, or of the enum's value. */
  readonly name: string;
  /** The first minor release that has it. */
  readonly since: EnvoyVersion;
  /** Going without it would widen access, or turn the meaning round: the whole part is withheld instead. */
  readonly vital?: true;
}

export type EnvoyVersion = readonly [major: number, minor: number];

const V1_37: EnvoyVersion = [1, 37];
const http = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const tcpProxy = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
const upstreamHttp = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/**
 * What the messages generated here have beyond the oldest supported Envoy. Source: the descriptors inside the released programs of 1.36.2,
 * 1.36.4, 1.37.0, 1.38.3, 1.39.3 and 1.40.0, compared (`scripts/envoy-fields.py`).
 */
export const newerFields: readonly NewerField[] = [
  { name: "envoy.config.accesslog.v3.ComparisonFilter.Op.NE", since: V1_37, vital: true },
  { name: "envoy.config.cluster.v3.Cluster.transport_socket_matcher", since: V1_37, vital: true },
  { name: "envoy.config.listener.v3.QuicProtocolOptions.max_sessions_per_event_loop", since: V1_37 },
  { name: "envoy.config.route.v3.DirectResponseAction.body_format", since: V1_37 },
  { name: "envoy.config.route.v3.RouteAction.host_rewrite", since: V1_37 },
  { name: "envoy.config.route.v3.RouteAction.path_rewrite", since: V1_37 },
  { name: "envoy.config.route.v3.RouteConfiguration.vhost_header", since: V1_37, vital: true },
  { name: "envoy.config.route.v3.Tracing.operation", since: V1_37 },
  { name: "envoy.config.route.v3.Tracing.upstream_operation", since: V1_37 },
  { name: "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.tlv_location", since: V1_37 },
  { name: "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector.max_client_hello_size", since: V1_37 },
  { name: `${http}.forward_client_cert_matcher`, since: V1_37, vital: true },
  { name: `${http}.Tracing.operation`, since: V1_37 },
  { name: `${http}.Tracing.upstream_operation`, since: V1_37 },
  { name: `${tcpProxy}.upstream_connect_mode`, since: V1_37 },
  { name: `${tcpProxy}.max_early_data_bytes`, since: V1_37 },
  { name: `${upstreamHttp}.request_mirror_policies`, since: V1_37 },
  { name: `${upstreamHttp}.hash_policy`, since: V1_37 },
  { name: `${upstreamHttp}.retry_policy`, since: V1_37 },
  { name: "envoy.type.tracing.v3.CustomTag.value", since: V1_37 },
];
