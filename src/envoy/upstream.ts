import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { refOf, type TranslationProblem } from "../resources/index.ts";
import { EnvoyCluster } from "./api.ts";
import type { TranslationContext, UpstreamState } from "./context.ts";
import { mergeContribution } from "./feature.ts";
import { features, unimplementedIn } from "./features/index.ts";
import { clusterName } from "./names.ts";
import { createReport, type Report } from "./report.ts";
import { consulCluster, consulSubsetKeys } from "./upstreams/consul.ts";
import { kubernetesCluster, kubernetesSubsetKeys } from "./upstreams/kubernetes.ts";
import { pipeCluster } from "./upstreams/pipe.ts";
import { hasTlsSecret } from "./tls/check-tls.ts";
import { staticCluster } from "./upstreams/static.ts";

/** A cluster for Envoy. */
export interface TranslatedUpstream {
  /** Undefined where it has errors, or is of a type that isn't supported yet: routes to it answer 503. */
  readonly cluster: EnvoyCluster | undefined;
  /** The encoded cluster. */
  readonly bytes: Uint8Array | undefined;
  /** Name of the cluster, whether it exists or not. */
  readonly clusterName: string;
  /** What the cluster asks EDS for; undefined where its endpoints are its own. */
  readonly edsServiceName: string | undefined;
  /** What routes need to know of it. */
  readonly state: UpstreamState;
  readonly problems: readonly TranslationProblem[];
}

const EMPTY = EnvoyCluster.fromPartial({});
/** Gloo's default, and Envoy's. */
const CONNECT_TIMEOUT = { seconds: 5n, nanos: 0 };
const INVALID: UpstreamState = { valid: false, subsets: [] };
const NO_SUBSETS: UpstreamState = { valid: true, subsets: [] };

/**
 * Translates an Upstream.
 *
 * The name that its endpoints are asked for by is the cluster's: it doesn't change with the Upstream, so no edit of an Upstream loses its
 * endpoints. The xDS server sends them again after a change of the cluster, for which Envoy waits.
 */
export function translateUpstream(upstream: Upstream, context: TranslationContext): TranslatedUpstream {
  const ref = refOf(upstream);
  const report = createReport(() => [{ kind: "Upstream", ref }]);
  const name = clusterName(ref);
  const unprotected = unimplementedIn.upstream(upstream, "", report);
  const ssl = upstream.sslConfig?.sslSecrets;
  const withoutSecret =
    ssl?.$case === "secretRef" &&
    !hasTlsSecret(ssl.value, { path: "sslConfig.secretRef", owner: ref, asServer: false }, context, report);
  const body = translateType(upstream, name, context, report);
  const contributed = applyFeatures(
    { ...EMPTY, name, connectTimeout: CONNECT_TIMEOUT, ...body },
    upstream,
    context,
    report,
  );
  const cluster = body === undefined || unprotected || withoutSecret || report.errors > 0 ? undefined : contributed;
  return {
    cluster,
    bytes: cluster && EnvoyCluster.encode(cluster).finish(),
    clusterName: name,
    edsServiceName: cluster?.edsClusterConfig?.serviceName,
    state: cluster === undefined ? INVALID : stateOf(upstream),
    problems: report.problems,
  };
}

function stateOf({ upstreamType }: Upstream): UpstreamState {
  if (upstreamType?.$case === "kube") return { valid: true, subsets: kubernetesSubsetKeys(upstreamType.value) };
  if (upstreamType?.$case !== "consul") return NO_SUBSETS;
  const keys = consulSubsetKeys(upstreamType.value);
  return keys.length === 0 ? NO_SUBSETS : { valid: true, subsets: [keys] };
}

function translateType(
  upstream: Upstream,
  name: string,
  context: TranslationContext,
  report: Report,
): Partial<EnvoyCluster> | undefined {
  const { upstreamType: type } = upstream;
  switch (type?.$case) {
    case undefined:
      report.error("", "the upstream has no type: set static, kube, consul or pipe");
      return undefined;
    case "static":
      return staticCluster(type.value, name, report);
    case "consul":
      return consulCluster(type.value, name, report);
    case "pipe":
      return pipeCluster(type.value, name, report);
    case "kube":
      return kubernetesCluster(type.value, refOf(upstream), name, context, report);
    case "aws":
    case "azure":
    case "awsEc2":
    case "gcp":
    case "ai":
      report.warn(type.$case, "upstreams of this type are not supported yet: routes to it answer 503");
      return undefined;
  }
}

function applyFeatures(
  cluster: EnvoyCluster,
  upstream: Upstream,
  context: TranslationContext,
  report: Report,
): EnvoyCluster {
  const scope = { context, report, path: "" };
  return features.reduce((merged, feature) => mergeContribution(merged, feature.cluster?.(upstream, scope)), cluster);
}
