/**
 * Envoy's bootstrap of Gloo's docker-compose examples (v1.22), with the addresses of this machine. `role` null leaves it out.
 */
export function glooBootstrap(
  xdsPort: number,
  role: string | null = "gloo-system~gateway-proxy",
  nodeId = "docker-compose-node",
): string {
  return `
node:
  cluster: gateway
  id: ${nodeId}
  metadata:
    ${role === null ? "other: value" : `role: "${role}"`}
static_resources:
  clusters:
  - name: xds_cluster
    connect_timeout: 5.000s
    load_assignment:
      cluster_name: xds_cluster
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address: {address: 127.0.0.1, port_value: ${xdsPort}}
    http2_protocol_options: {}
    type: STRICT_DNS
dynamic_resources:
  ads_config:
    transport_api_version: V3
    api_type: GRPC
    grpc_services:
    - envoy_grpc: {cluster_name: xds_cluster}
  cds_config:
    resource_api_version: V3
    ads: {}
  lds_config:
    resource_api_version: V3
    ads: {}
admin:
  access_log_path: /dev/null
  address:
    socket_address: {address: 127.0.0.1, port_value: 0}
`;
}
