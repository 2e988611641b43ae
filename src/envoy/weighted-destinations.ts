import type { WeightedDestination } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { EnvoyRouteAction } from "./api.ts";
import { EnvoyClusterWeight, EnvoyWeightedCluster } from "./api.ts";
import type { TranslationContext } from "./context.ts";
import { resolveDestination } from "./destination.ts";
import { mergeContribution } from "./feature.ts";
import { features, unimplementedIn } from "./features/index.ts";
import { MISSING_CLUSTER } from "./names.ts";
import { missingDestinationCode } from "./refusal.ts";
import type { Report } from "./report.ts";

const EMPTY_WEIGHT = EnvoyClusterWeight.fromPartial({});
const EMPTY = EnvoyWeightedCluster.fromPartial({});
const MAX_TOTAL = 0xffff_ffff;

/** What became of weighted destinations. */
export type ResolvedDestinations =
  | { readonly kind: "clusters"; readonly action: Partial<EnvoyRouteAction>; readonly clusters: readonly string[] }
  | { readonly kind: "missing" | "unsupported" | "faulty" | "unprotected" };

/**
 * Translates weighted destinations; the sum of the weights is the total. A destination that is missing or not supported keeps its
 * share: those requests get 503 (or 404 or 500, if the settings say so) from Envoy, since they go to a cluster that
 * doesn't exist. If no destination is left, the whole route is.
 *
 * @param path - of the list
 */
export function resolveWeightedDestinations(
  destinations: readonly WeightedDestination[],
  path: string,
  context: TranslationContext,
  report: Report,
): ResolvedDestinations {
  const weights: EnvoyClusterWeight[] = [];
  const clusters: string[] = [];
  let total = 0;
  let unsupported = 0;
  let faulty = false;
  let unprotected = false;
  for (const [index, { destination, weight = 0, options }] of destinations.entries()) {
    const at = `${path}[${index}]`;
    total += weight;
    const resolved = resolveDestination(destination, `${at}.destination`, context, report);
    if (resolved.kind === "faulty") faulty = true;
    if (resolved.kind === "unsupported") unsupported++;
    if (resolved.kind === "cluster") clusters.push(resolved.cluster);
    let entry: EnvoyClusterWeight = { ...EMPTY_WEIGHT, name: MISSING_CLUSTER, weight };
    if (resolved.kind === "cluster") {
      entry = { ...entry, name: resolved.cluster, metadataMatch: resolved.metadataMatch };
    }
    if (options !== undefined) {
      const scope = { context, report, path: `${at}.options` };
      if (unimplementedIn.weightedDestination(options, scope.path, report)) unprotected = true;
      for (const feature of features) entry = mergeContribution(entry, feature.weightedDestination?.(options, scope));
    }
    weights.push(entry);
  }
  if (total < 1 || total > MAX_TOTAL) {
    report.error(
      path,
      destinations.length === 0
        ? "there are no destinations"
        : total < 1
          ? "the weights add up to 0: at least one must be greater"
          : `the weights add up to more than ${MAX_TOTAL}`,
    );
    return { kind: "faulty" };
  }
  if (faulty) return { kind: "faulty" };
  if (unprotected) return { kind: "unprotected" };
  if (clusters.length === 0) return { kind: unsupported === destinations.length ? "unsupported" : "missing" };
  return {
    kind: "clusters",
    clusters,
    action: {
      clusterSpecifier: { $case: "weightedClusters", value: { ...EMPTY, clusters: weights } },
      clusterNotFoundResponseCode: missingDestinationCode(context.settings),
    },
  };
}
