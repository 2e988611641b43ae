import type { UpstreamSpec } from "../../../generated/proto/epoxy/gloo/options/consul/v1/consul.ts";
import {
  Cluster_DiscoveryType,
  Cluster_LbSubsetConfig,
  Cluster_LbSubsetConfig_LbSubsetFallbackPolicy,
  Cluster_LbSubsetConfig_LbSubsetSelector,
  type EnvoyCluster,
} from "../api.ts";
import { ADS } from "../ads.ts";
import type { Report } from "../report.ts";

const EMPTY_SUBSETS = Cluster_LbSubsetConfig.fromPartial({});
const EMPTY_SELECTOR = Cluster_LbSubsetConfig_LbSubsetSelector.fromPartial({});

/**
 * Keys of the endpoints' labels that subsets of the service are chosen by, sorted: `tag_<tag>` and `dc_<data center>`, whose values are
 * "1" and "0".
 */
export function consulSubsetKeys(spec: UpstreamSpec): readonly string[] {
  if (spec.subsetTags.length === 0) return [];
  const keys = [...spec.subsetTags.map((tag) => `tag_${tag}`), ...spec.dataCenters.map((dc) => `dc_${dc}`)];
  return [...new Set(keys)].sort();
}

/** The cluster of a Consul service; its endpoints come by EDS. */
export function consulCluster(spec: UpstreamSpec, serviceName: string, report: Report): Partial<EnvoyCluster> {
  if (spec.serviceName === "") report.error("consul.serviceName", "must be set");
  const keys = consulSubsetKeys(spec);
  return {
    clusterDiscoveryType: { $case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ADS, serviceName },
    lbSubsetConfig:
      keys.length === 0
        ? undefined
        : {
            ...EMPTY_SUBSETS,
            fallbackPolicy: Cluster_LbSubsetConfig_LbSubsetFallbackPolicy.ANY_ENDPOINT,
            subsetSelectors: [{ ...EMPTY_SELECTOR, keys }],
          },
  };
}
