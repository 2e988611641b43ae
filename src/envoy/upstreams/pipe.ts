import type { UpstreamSpec } from "../../../generated/proto/epoxy/gloo/options/pipe/v1/pipe.ts";
import {
  Cluster_DiscoveryType,
  ClusterLoadAssignment,
  type EnvoyCluster,
  EnvoyEndpoint,
  LbEndpoint,
  LocalityLbEndpoints,
} from "../api.ts";
import type { Report } from "../report.ts";

const EMPTY_ASSIGNMENT = ClusterLoadAssignment.fromPartial({});
const EMPTY_LOCALITY = LocalityLbEndpoints.fromPartial({});
const EMPTY_LB_ENDPOINT = LbEndpoint.fromPartial({});
const EMPTY_ENDPOINT = EnvoyEndpoint.fromPartial({});
/** What the kernel's `sun_path` holds beside its final zero. */
const MAX_PATH_BYTES = 107;

/** The cluster of a Unix domain socket. */
export function pipeCluster({ path }: UpstreamSpec, name: string, report: Report): Partial<EnvoyCluster> {
  if (path === "") report.error("pipe.path", "must be set");
  else if (path.includes("\0")) report.error("pipe.path", "must not hold a zero byte");
  else if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    report.error("pipe.path", `is longer than ${MAX_PATH_BYTES} bytes, the kernel's limit`);
  }
  const endpoint: EnvoyEndpoint = {
    ...EMPTY_ENDPOINT,
    address: { address: { $case: "pipe", value: { path, mode: 0 } } },
  };
  const lbEndpoint: LbEndpoint = { ...EMPTY_LB_ENDPOINT, hostIdentifier: { $case: "endpoint", value: endpoint } };
  return {
    clusterDiscoveryType: { $case: "type", value: Cluster_DiscoveryType.STATIC },
    loadAssignment: {
      ...EMPTY_ASSIGNMENT,
      clusterName: name,
      endpoints: [{ ...EMPTY_LOCALITY, lbEndpoints: [lbEndpoint] }],
    },
  };
}
