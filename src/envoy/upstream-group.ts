import type { UpstreamGroup } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { refOf, type TranslationProblem } from "../resources/index.ts";
import type { TranslationContext } from "./context.ts";
import { createReport } from "./report.ts";
import { resolveWeightedDestinations } from "./weighted-destinations.ts";

/** What is wrong with an UpstreamGroup, for its own status; routes to it report the same for theirs. */
export function checkUpstreamGroup(group: UpstreamGroup, context: TranslationContext): readonly TranslationProblem[] {
  const ref = refOf(group);
  const report = createReport(() => [{ kind: "UpstreamGroup", ref }]);
  resolveWeightedDestinations(group.destinations, "destinations", context, report);
  return report.problems;
}
