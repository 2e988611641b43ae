import type {
  LoadBalancerConfig,
  LoadBalancerConfig_RingHashConfig,
  LoadBalancerConfig_SlowStartConfig,
} from "../../../../generated/proto/epoxy/gloo/v1/load_balancer.ts";
import { Cluster_CommonLbConfig, Cluster_LbPolicy, Cluster_RingHashLbConfig, type EnvoyCluster } from "../../api.ts";
import type { Cluster_SlowStartConfig } from "../../api.ts";
import { durationFault } from "../../checks/duration.ts";
import type { Feature } from "../../feature.ts";
import type { Report } from "../../report.ts";
import { resolvesNames } from "../../upstreams/static.ts";

const EMPTY_COMMON = Cluster_CommonLbConfig.fromPartial({});
const EMPTY_RING = Cluster_RingHashLbConfig.fromPartial({});
/** Envoy's bound for the size of a ring. */
const MAX_RING = 8_388_608n;
const PATH = "loadBalancerConfig";

/** `loadBalancerConfig`: how the upstream's endpoints share its requests. */
export const loadBalancer: Feature = {
  name: "loadBalancer",
  stage: "route",
  implements: { upstream: [PATH] },
  cluster(upstream, { report }) {
    const config = upstream.loadBalancerConfig;
    if (config === undefined) return undefined;
    const byName = resolvesNames(upstream);
    return { ...translatePolicy(config, report), commonLbConfig: translateCommon(config, byName, report) };
  },
};

function translatePolicy({ type }: LoadBalancerConfig, report: Report): Pick<EnvoyCluster, "lbPolicy" | "lbConfig"> {
  switch (type?.$case) {
    case undefined:
      return { lbPolicy: Cluster_LbPolicy.ROUND_ROBIN, lbConfig: undefined };
    case "random":
      return { lbPolicy: Cluster_LbPolicy.RANDOM, lbConfig: undefined };
    case "maglev":
      return { lbPolicy: Cluster_LbPolicy.MAGLEV, lbConfig: undefined };
    case "ringHash":
      return { lbPolicy: Cluster_LbPolicy.RING_HASH, lbConfig: translateRing(type.value.ringHashConfig, report) };
    case "roundRobin": {
      const slowStartConfig = translateSlowStart(type.value.slowStartConfig, "roundRobin", report);
      return {
        lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
        lbConfig: slowStartConfig && { $case: "roundRobinLbConfig", value: { slowStartConfig } },
      };
    }
    case "leastRequest": {
      const { choiceCount } = type.value;
      if (choiceCount === 1) report.error(`${PATH}.leastRequest.choiceCount`, "must be at least 2");
      return {
        lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
        lbConfig: {
          $case: "leastRequestLbConfig",
          value: {
            choiceCount: choiceCount === 0 ? undefined : choiceCount,
            activeRequestBias: undefined,
            slowStartConfig: translateSlowStart(type.value.slowStartConfig, "leastRequest", report),
          },
        },
      };
    }
  }
}

function translateRing(ring: LoadBalancerConfig_RingHashConfig | undefined, report: Report): EnvoyCluster["lbConfig"] {
  if (ring === undefined) return undefined;
  const { minimumRingSize: minimum, maximumRingSize: maximum } = ring;
  const path = `${PATH}.ringHash.ringHashConfig`;
  if (minimum > MAX_RING) report.error(`${path}.minimumRingSize`, `must be at most ${MAX_RING}`);
  if (maximum > MAX_RING) report.error(`${path}.maximumRingSize`, `must be at most ${MAX_RING}`);
  // Envoy's default minimum is 1024.
  if (maximum !== 0n && maximum < (minimum === 0n ? 1024n : minimum)) {
    report.error(`${path}.maximumRingSize`, "must not be less than minimumRingSize, which is 1024 if unset");
  }
  return {
    $case: "ringHashLbConfig",
    value: {
      ...EMPTY_RING,
      minimumRingSize: minimum === 0n ? undefined : minimum,
      maximumRingSize: maximum === 0n ? undefined : maximum,
    },
  };
}

function translateSlowStart(
  slowStart: LoadBalancerConfig_SlowStartConfig | undefined,
  policy: "roundRobin" | "leastRequest",
  report: Report,
): Cluster_SlowStartConfig | undefined {
  if (slowStart === undefined) return undefined;
  const path = `${PATH}.${policy}.slowStartConfig`;
  const { slowStartWindow, aggression, minWeightPercent } = slowStart;
  if (slowStartWindow !== undefined) {
    const fault = durationFault(slowStartWindow, "above zero");
    if (fault !== undefined) report.error(`${path}.slowStartWindow`, fault);
  }
  if (aggression !== undefined && !(aggression > 0 && Number.isFinite(aggression))) {
    report.error(`${path}.aggression`, "must be greater than 0");
  }
  if (minWeightPercent !== undefined) checkPercent(minWeightPercent, `${path}.minWeightPercent`, report);
  return {
    slowStartWindow,
    // Envoy wants a runtime key with it; one of this name overrides it.
    aggression:
      aggression === undefined ? undefined : { defaultValue: aggression, runtimeKey: "upstream.slow_start.aggression" },
    minWeightPercent: minWeightPercent === undefined ? undefined : { value: minWeightPercent },
  };
}

function translateCommon(config: LoadBalancerConfig, byName: boolean, report: Report): Cluster_CommonLbConfig {
  const { healthyPanicThreshold, updateMergeWindow, localityConfig, useHostnameForHashing } = config;
  // Envoy refuses it for clusters of other types.
  if (useHostnameForHashing === true && !byName) {
    report.warn(`${PATH}.useHostnameForHashing`, "has no effect: the upstream's hosts are no names");
  }
  if (healthyPanicThreshold !== undefined) checkPercent(healthyPanicThreshold, `${PATH}.healthyPanicThreshold`, report);
  if (updateMergeWindow !== undefined) {
    const fault = durationFault(updateMergeWindow, "zero allowed");
    if (fault !== undefined) report.error(`${PATH}.updateMergeWindow`, fault);
  }
  return {
    ...EMPTY_COMMON,
    healthyPanicThreshold: healthyPanicThreshold === undefined ? undefined : { value: healthyPanicThreshold },
    updateMergeWindow,
    localityConfigSpecifier: localityConfig && { $case: "localityWeightedLbConfig", value: {} },
    consistentHashingLbConfig:
      useHostnameForHashing === true && byName ? { useHostnameForHashing, hashBalanceFactor: undefined } : undefined,
    closeConnectionsOnHostSetChange: config.closeConnectionsOnHostSetChange,
  };
}

function checkPercent(value: number, path: string, report: Report): void {
  if (!(value >= 0 && value <= 100)) report.error(path, "must be from 0 to 100");
}
