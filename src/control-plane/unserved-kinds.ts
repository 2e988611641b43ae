import { RateLimitConfigKind } from "../../generated/sdk/index.ts";
import type { RateLimitConfig } from "../../generated/proto/epoxy/ratelimit/v1alpha1/rate_limit_config.ts";
import type { Collection, Graph } from "../collections/index.ts";
import { refOf, type TranslationProblem } from "../resources/index.ts";

/** Begins as Gloo's open edition does, which people and scripts look for. */
const RATE_LIMIT_CONFIG =
  "The Gloo Advanced Rate limit API feature 'RateLimitConfig' is enterprise-only, and Epoxy doesn't serve it either: " +
  "its limits are not in force, and a route or virtual host that refers to it answers 503. " +
  "Delete it and what refers to it, and limit requests before or behind the proxy";

/** An error for each resource of a kind that is there to be told about, as nothing serves it. */
export function unservedProblems(
  graph: Graph,
  rateLimitConfigs: Collection<RateLimitConfig>,
): Collection<readonly TranslationProblem[]> {
  return graph.derive("unserved-rate-limit-configs", rateLimitConfigs, (resource): readonly TranslationProblem[] => [
    {
      severity: "error",
      message: RATE_LIMIT_CONFIG,
      sources: [{ kind: RateLimitConfigKind.kind, ref: refOf(resource) }],
    },
  ]);
}
