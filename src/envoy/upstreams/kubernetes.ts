import { isIP } from "node:net";
import type { UpstreamSpec } from "../../../generated/proto/epoxy/gloo/options/kubernetes/v1/kubernetes.ts";
import { FallbackPolicy, type SubsetSpec } from "../../../generated/proto/epoxy/gloo/options/v1/subset_spec.ts";
import { type Ref, refText } from "../../resources/index.ts";
import { ADS } from "../ads.ts";
import { socketAddress } from "../address.ts";
import {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbSubsetConfig,
  Cluster_LbSubsetConfig_LbSubsetFallbackPolicy,
  Cluster_LbSubsetConfig_LbSubsetSelector,
  ClusterLoadAssignment,
  type EnvoyCluster,
  EnvoyEndpoint,
  LbEndpoint,
  LocalityLbEndpoints,
} from "../api.ts";
import type { KubernetesService, TranslationContext } from "../context.ts";
import type { Report } from "../report.ts";

const EMPTY_SUBSETS = Cluster_LbSubsetConfig.fromPartial({});
const EMPTY_SELECTOR = Cluster_LbSubsetConfig_LbSubsetSelector.fromPartial({});
const EMPTY_ASSIGNMENT = ClusterLoadAssignment.fromPartial({});
const EMPTY_LOCALITY = LocalityLbEndpoints.fromPartial({});
const EMPTY_LB_ENDPOINT = LbEndpoint.fromPartial({});
const EMPTY_ENDPOINT = EnvoyEndpoint.fromPartial({});

const fallbackPolicies = {
  [FallbackPolicy.ANY_ENDPOINT]: Cluster_LbSubsetConfig_LbSubsetFallbackPolicy.ANY_ENDPOINT,
  [FallbackPolicy.DEFAULT_SUBSET]: Cluster_LbSubsetConfig_LbSubsetFallbackPolicy.DEFAULT_SUBSET,
  [FallbackPolicy.NO_FALLBACK]: Cluster_LbSubsetConfig_LbSubsetFallbackPolicy.NO_FALLBACK,
  [FallbackPolicy.UNRECOGNIZED]: Cluster_LbSubsetConfig_LbSubsetFallbackPolicy.ANY_ENDPOINT,
} as const;

/** What is said where Kubernetes would be needed, and isn't configured. */
export const NO_KUBERNETES = "no Kubernetes is configured for this control plane (Settings: kubernetesConfigSource)";

/** What is said where Kubernetes is needed, and has not been read since the start. */
export const unreadText = (why: string): string => `waits for the services of Kubernetes, which can't be read: ${why}`;

/** What is wrong with a port of a service; undefined: it can be used. */
export function servicePortFault({ ports }: KubernetesService, service: Ref, port: number): string | undefined {
  if (port < 1 || port > 65_535) return `${port} is no port`;
  // A headless service may name no ports: each of its pods' ports can be asked for.
  if (ports === undefined || ports.length === 0 || ports.some((it) => it.port === port)) return undefined;
  const known = ports.map((it) => (it.name === "" ? `${it.port}` : `${it.port} (${it.name})`)).join(", ");
  return `service ${refText(service)} has no port ${port}: it has ${known}`;
}

/** Keys of the pods' labels that routes can choose among the pods by, for each subset. */
export const kubernetesSubsetKeys = ({ subsetSpec }: UpstreamSpec): readonly (readonly string[])[] =>
  (subsetSpec?.selectors ?? []).filter(({ keys }) => keys.length > 0).map(({ keys }) => [...new Set(keys)].sort());

/**
 * The cluster of a port of a Kubernetes service. Its endpoints come by EDS; a service of type ExternalName is a name that Envoy
 * resolves itself.
 */
export function kubernetesCluster(
  spec: UpstreamSpec,
  upstream: Ref,
  name: string,
  { kubernetesService }: TranslationContext,
  report: Report,
): Partial<EnvoyCluster> | undefined {
  if (kubernetesService === undefined) {
    report.warn("kube", `${NO_KUBERNETES}: routes to it answer 503`);
    return undefined;
  }
  const { serviceName, serviceNamespace, servicePort, subsetSpec } = spec;
  if (serviceName === "") report.error("kube.serviceName", "must be set");
  if (serviceNamespace === "") report.error("kube.serviceNamespace", "must be set");
  if (serviceName === "" || serviceNamespace === "") return undefined;
  const ref = { namespace: serviceNamespace, name: serviceName };
  const service = kubernetesService(ref);
  if (service === undefined) {
    const text = `Upstream ${refText(upstream)} references the service '${serviceName}' which does not exist in namespace '${serviceNamespace}'`;
    report.error("kube.serviceName", text);
    return undefined;
  }
  if (service.unread !== undefined) {
    report.warn("kube", `${unreadText(service.unread)}: until then proxies keep the cluster that they have, if any`);
  }
  const fault = servicePortFault(service, ref, servicePort);
  if (fault !== undefined) {
    report.error("kube.servicePort", fault);
    return undefined;
  }
  if (service.externalName !== undefined) return externalCluster(service.externalName, servicePort, name);
  return {
    clusterDiscoveryType: { $case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ADS, serviceName: name },
    lbSubsetConfig: subsetSpec && subsetConfig(subsetSpec, spec),
  };
}

function subsetConfig(spec: SubsetSpec, upstream: UpstreamSpec): Cluster_LbSubsetConfig | undefined {
  const keys = kubernetesSubsetKeys(upstream);
  if (keys.length === 0) return undefined;
  const isSingle = (wanted: readonly string[]): boolean =>
    spec.selectors.some((it) => it.singleHostPerSubset && [...new Set(it.keys)].sort().join() === wanted.join());
  return {
    ...EMPTY_SUBSETS,
    fallbackPolicy: fallbackPolicies[spec.fallbackPolicy],
    defaultSubset: spec.defaultSubset && { ...spec.defaultSubset.values },
    subsetSelectors: keys.map((own) => ({ ...EMPTY_SELECTOR, keys: own, singleHostPerSubset: isSingle(own) })),
  };
}

function externalCluster(host: string, port: number, clusterName: string): Partial<EnvoyCluster> {
  const isAddress = isIP(host) !== 0;
  const hostname = isAddress ? "" : host;
  const value = { ...EMPTY_ENDPOINT, address: socketAddress(host, port), hostname };
  const lbEndpoints = [{ ...EMPTY_LB_ENDPOINT, hostIdentifier: { $case: "endpoint", value } as const }];
  return {
    clusterDiscoveryType: {
      $case: "type",
      value: isAddress ? Cluster_DiscoveryType.STATIC : Cluster_DiscoveryType.STRICT_DNS,
    },
    // Envoy's default would take IPv6 alone of a name that has both.
    ...(isAddress ? {} : { dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED }),
    loadAssignment: { ...EMPTY_ASSIGNMENT, clusterName, endpoints: [{ ...EMPTY_LOCALITY, lbEndpoints }] },
  };
}
