import type { Gateway, HttpGateway } from "../../generated/proto/epoxy/gateway/v1/gateway.ts";
import type { VirtualService } from "../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import { matchesSelector, type Ref, refKey, refOf } from "../resources/index.ts";
import { toSelector } from "./delegate-tables.ts";
import { domainsOf } from "./translate-virtual-service.ts";

/** All that decides which gateways serve a virtual service; unchanged by edits of its routes. */
export interface VirtualServiceSummary {
  readonly ref: Ref;
  readonly labels: Readonly<Record<string, string>>;
  readonly ssl: boolean;
  readonly domains: readonly string[];
}

export function summarize(virtualService: VirtualService): VirtualServiceSummary {
  return {
    ref: refOf(virtualService),
    labels: virtualService.metadata?.labels ?? {},
    ssl: virtualService.sslConfig !== undefined,
    domains: domainsOf(virtualService),
  };
}

/**
 * Whether a gateway serves a virtual service. `ssl` must agree with the presence of sslConfig; then the first that is set
 * decides: expressions, labels, references, else all (Gloo's order). Namespaces narrow selection by labels and expressions.
 */
export function selects(
  gateway: Pick<Gateway, "ssl">,
  http: HttpGateway,
  virtualService: VirtualServiceSummary,
): boolean {
  if (gateway.ssl !== virtualService.ssl) return false;
  const expressions = http.virtualServiceExpressions?.expressions ?? [];
  const byExpression = expressions.length > 0;
  const byLabel = Object.keys(http.virtualServiceSelector).length > 0;
  if (!byExpression && !byLabel && http.virtualServices.length > 0) {
    return http.virtualServices.some((ref) => refKey(ref) === refKey(virtualService.ref));
  }
  if (!inNamespaces(http.virtualServiceNamespaces, virtualService.ref.namespace)) return false;
  if (byExpression) return matchesSelector(toSelector({}, expressions), virtualService.labels);
  return !byLabel || matchesSelector({ matchLabels: http.virtualServiceSelector }, virtualService.labels);
}

/** No namespaces, or `*` among them, means all. */
export const inNamespaces = (namespaces: readonly string[], namespace: string): boolean =>
  namespaces.length === 0 || namespaces.includes("*") || namespaces.includes(namespace);
