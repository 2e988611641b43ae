import { isIP } from "node:net";
import type { Host, UpstreamSpec } from "../../../generated/proto/epoxy/gloo/options/static/v1/static.ts";
import type { Upstream } from "../../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { socketAddress } from "../address.ts";
import {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  type Cluster_TransportSocketMatch,
  ClusterLoadAssignment,
  type EnvoyCluster,
  EnvoyEndpoint,
  type EnvoyMetadata,
  type EnvoyTransportSocket,
  LbEndpoint,
  LocalityLbEndpoints,
  UpstreamTlsContext,
} from "../api.ts";
import { headerValueFault, printable } from "../checks/header.ts";
import { packAny } from "../pack.ts";
import type { Report } from "../report.ts";

const EMPTY_ASSIGNMENT = ClusterLoadAssignment.fromPartial({});
const EMPTY_LOCALITY = LocalityLbEndpoints.fromPartial({});
const EMPTY_LB_ENDPOINT = LbEndpoint.fromPartial({});
const EMPTY_ENDPOINT = EnvoyEndpoint.fromPartial({});
const EMPTY_TLS = UpstreamTlsContext.fromPartial({ commonTlsContext: {} });
const MAX_WEIGHT = 0xffff_ffff;
const HTTPS_PORT = 443;
/** Key of the endpoint metadata by which Envoy picks a transport socket. */
const TRANSPORT_SOCKET_METADATA = "envoy.transport_socket_match";

/** Whether Envoy resolves the upstream's hosts by DNS. */
export const resolvesNames = ({ upstreamType: type }: Upstream): boolean =>
  type?.$case === "static" && hasNames(type.value);

const hasNames = ({ hosts }: UpstreamSpec): boolean => hosts.some(({ addr }) => isIP(addr) === 0);

/**
 * The cluster of an upstream with given hosts. Any hostname makes Envoy resolve all of them by DNS. TLS is spoken if `useTls`
 * is set, or unset and a host has port 443; certificates are not verified, as there is nothing to verify them with.
 */
export function staticCluster(spec: UpstreamSpec, name: string, report: Report): Partial<EnvoyCluster> {
  checkHosts(spec.hosts, report);
  const byName = hasNames(spec);
  const usesTls = spec.useTls ?? spec.hosts.some(({ port }) => port === HTTPS_PORT);
  const snis = usesTls ? [...new Set(spec.hosts.map(sniOf))] : [];
  // One name is the cluster's; several are chosen by each endpoint's metadata.
  const perHost = snis.length > 1;
  const endpoints = spec.hosts.map((host) => translateHost(host, perHost));
  return {
    clusterDiscoveryType: {
      $case: "type",
      value: byName ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC,
    },
    ...(byName ? { dnsLookupFamily: Cluster_DnsLookupFamily.V4_ONLY } : {}),
    loadAssignment: {
      ...EMPTY_ASSIGNMENT,
      clusterName: name,
      endpoints: [{ ...EMPTY_LOCALITY, lbEndpoints: endpoints }],
    },
    transportSocket: snis[0] === undefined ? undefined : tlsSocket(snis[0]),
    transportSocketMatches: perHost ? snis.map(socketMatch) : [],
  };
}

function checkHosts(hosts: readonly Host[], report: Report): void {
  if (hosts.length === 0) report.error("static.hosts", "there are no hosts");
  let total = 0;
  for (const [index, { addr, port, sniAddr, loadBalancingWeight = 1, metadata }] of hosts.entries()) {
    const path = `static.hosts[${index}]`;
    total += loadBalancingWeight;
    const addressFault = hostFault(addr);
    if (addressFault !== undefined) report.error(`${path}.addr`, addressFault);
    if (port === 0) report.error(`${path}.port`, "port cannot be empty for host");
    else if (port > 65_535) report.error(`${path}.port`, `${port} is no port`);
    const sniFault = sniAddr.length > 255 ? "the name is longer than 255 characters" : headerValueFault(sniAddr);
    if (sniFault !== undefined) report.error(`${path}.sniAddr`, sniFault);
    if (Object.hasOwn(metadata, "")) report.error(`${path}.metadata`, "a key is empty");
    if (loadBalancingWeight === 0) report.error(`${path}.loadBalancingWeight`, "must be at least 1");
  }
  if (total > MAX_WEIGHT) report.error("static.hosts", `the weights add up to more than ${MAX_WEIGHT}`);
}

function hostFault(addr: string): string | undefined {
  if (addr === "") return "addr cannot be empty for host";
  if (isIP(addr) !== 0 && !addr.includes("%")) return undefined;
  if (addr.startsWith("[")) return "write an IPv6 address without brackets";
  if (addr.includes("/")) return "a host has no scheme and no path: write its name or address alone";
  if (addr.length > 253 || !/^[\p{L}\p{N}_](?:[\p{L}\p{N}\-_.]*)$/u.test(addr)) {
    return `"${printable(addr)}" is no host name and no IP address`;
  }
  return undefined;
}

/** The name for TLS's SNI; an address has none. */
const sniOf = ({ addr, sniAddr }: Host): string => (sniAddr !== "" ? sniAddr : isIP(addr) === 0 ? addr : "");

function translateHost(host: Host, perHost: boolean): LbEndpoint {
  const { addr, port, loadBalancingWeight } = host;
  return {
    ...EMPTY_LB_ENDPOINT,
    hostIdentifier: {
      $case: "endpoint",
      // The name is what `autoHostRewrite` and health checks use.
      value: { ...EMPTY_ENDPOINT, address: socketAddress(addr, port), hostname: isIP(addr) === 0 ? addr : "" },
    },
    loadBalancingWeight,
    metadata: hostMetadata(host, perHost),
  };
}

function hostMetadata(host: Host, perHost: boolean): EnvoyMetadata | undefined {
  const filterMetadata: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const [key, value] of Object.entries(host.metadata).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (value !== undefined) filterMetadata[key] = value;
  }
  if (perHost) {
    filterMetadata[TRANSPORT_SOCKET_METADATA] = { ...filterMetadata[TRANSPORT_SOCKET_METADATA], sni: sniOf(host) };
  }
  return Object.keys(filterMetadata).length === 0 ? undefined : { filterMetadata, typedFilterMetadata: {} };
}

function tlsSocket(sni: string): EnvoyTransportSocket {
  const context = UpstreamTlsContext.encode({ ...EMPTY_TLS, sni });
  return {
    name: "envoy.transport_sockets.tls",
    configType: {
      $case: "typedConfig",
      value: packAny("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", context),
    },
  };
}

const socketMatch = (sni: string): Cluster_TransportSocketMatch => ({
  name: sni === "" ? "no-sni" : sni,
  match: { sni },
  transportSocket: tlsSocket(sni),
});
