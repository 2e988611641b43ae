import { UpstreamKind } from "../../generated/sdk/index.ts";
import type { Collection, Graph } from "../collections/index.ts";
import { parseRefKey, type TranslationProblem } from "../resources/index.ts";

/** A warning for each Upstream whose endpoints Consul hasn't told yet. */
export function unknownEndpointProblems(
  graph: Graph,
  /** Why, by refKey of the Upstream. */
  failures: Collection<string>,
): Collection<readonly TranslationProblem[]> {
  return graph.derive("unknown-endpoints", failures, (failure, key): readonly TranslationProblem[] => [
    {
      severity: "warning",
      message: `waits for the instances of its service: ${failure}: until then proxies keep what they have of it, if anything`,
      path: "consul",
      sources: [{ kind: UpstreamKind.kind, ref: parseRefKey(key) }],
    },
  ]);
}
