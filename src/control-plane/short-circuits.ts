import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import type { Collection, Graph, Value } from "../collections/index.ts";
import { shortCircuits } from "../gateway/index.ts";
import type { TranslationProblem } from "../resources/index.ts";
import { routeSources } from "./check/route-sources.ts";
import { shortCircuitText } from "./check/short-circuit-text.ts";

/** Warnings of routes that are never reached since an earlier one takes all their requests, at the resources that hold them; by fragmentKey. */
export function shortCircuitProblems(
  graph: Graph,
  virtualHosts: Collection<ProxyFragment>,
  wanted: Value<boolean>,
): Collection<readonly TranslationProblem[]> {
  return graph.derive("short-circuits", virtualHosts, (fragment, _key, lookup) => {
    // Of stored Proxies nobody wrote the order of routes by hand.
    if (lookup.value(wanted) !== true || fragment.owner?.kind !== "VirtualService") return undefined;
    const problems = fragment.virtualHosts.flatMap(({ routes }) => {
      const sources = routes.map((route) => routeSources(route.opaqueMetadata));
      return shortCircuits(routes).map((shortCircuit): TranslationProblem => {
        const { severity, message, kind, ref, path } = shortCircuitText(shortCircuit, routes, sources);
        return { severity, message, sources: [{ kind, ref, path }], path };
      });
    });
    return problems.length === 0 ? undefined : problems;
  });
}
