import type { VirtualService } from "../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import type { VirtualHost } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { VirtualHostOptions } from "../../generated/proto/epoxy/gloo/v1/virtual_host_options.ts";
import { joinLists, type Ref, type ResourceKey, refOf, refText, type TranslationProblem } from "../resources/index.ts";
import { emptyMatcher } from "./inherit-matcher.ts";
import type { Lookups } from "./lookups.ts";
import { mergeOptions } from "./merge-options.ts";
import { closedRoute, type RouteContext, sourcesOf } from "./route-context.ts";
import { translateRoutes } from "./translate-routes.ts";

export interface TranslatedVirtualService {
  readonly virtualHost: VirtualHost;
  readonly problems: readonly TranslationProblem[];
}

/** Name of the virtual host made from a virtual service. */
export const virtualHostName = (ref: Ref): string => refText(ref);

/** The domains of a virtual service in lower case, each once; none given means all. */
export function domainsOf(virtualService: VirtualService): readonly string[] {
  const domains = virtualService.virtualHost?.domains ?? [];
  return domains.length === 0 ? ["*"] : [...new Set(domains.map((domain) => domain.toLowerCase()))];
}

/**
 * A virtual service as a virtual host of a Proxy, delegation resolved. It never throws on what users wrote, and never fails
 * open: a faulty route keeps its place and answers 500, and what can't be protected answers 503.
 */
export function translateVirtualService(
  virtualService: VirtualService,
  binding: { readonly gateway: string; readonly proxy: string; readonly domains: readonly string[] },
  lookups: Lookups,
): TranslatedVirtualService {
  const ref = refOf(virtualService);
  const problems: TranslationProblem[] = [];
  const owner: ResourceKey = { kind: "VirtualService", ref };
  const context: RouteContext = {
    lookups,
    owners: [owner],
    parent: undefined,
    name: `vs:${binding.gateway}_${binding.proxy}_${ref.namespace}_${ref.name}`,
    named: false,
    report: (problem) => problems.push(problem),
  };
  const options = effectiveOptions(virtualService, context);
  const closed = closedBecause(virtualService, options, context);
  const routes =
    closed === undefined
      ? joinLists(translateRoutes(virtualService.virtualHost?.routes ?? [], context, "virtualHost.routes"))
      : [closedRoute(context, [emptyMatcher], closed.status, closed.body, "virtualHost")];
  return {
    virtualHost: {
      name: virtualHostName(ref),
      domains: binding.domains,
      routes,
      options: options === "unresolved" ? undefined : options,
      opaqueMetadata: sourcesOf(context),
    },
    problems: distinct(problems),
  };
}

function effectiveOptions(
  virtualService: VirtualService,
  context: RouteContext,
): VirtualHostOptions | undefined | "unresolved" {
  const virtualHost = virtualService.virtualHost;
  const namespace = refOf(virtualService).namespace;
  let options = virtualHost?.options;
  for (const ref of virtualHost?.externalOptionsConfig?.value.delegateOptions ?? []) {
    const target = { name: ref.name, namespace: ref.namespace === "" ? namespace : ref.namespace };
    const found = context.lookups.virtualHostOption(target);
    if (found === undefined) {
      context.report({
        severity: "error",
        message: `VirtualHostOption ${refText(target)} not found`,
        path: "virtualHost.optionsConfigRefs",
        sources: context.owners,
      });
      return "unresolved";
    }
    options = mergeOptions(options, found.options);
  }
  return options;
}

/** Why nothing of the virtual service may be served as it stands. */
function closedBecause(
  virtualService: VirtualService,
  options: VirtualHostOptions | undefined | "unresolved",
  context: RouteContext,
): { readonly status: 500 | 503; readonly body: string } | undefined {
  if (options === "unresolved") return { status: 500, body: "invalid virtual host options" };
  if (virtualService.sslConfig !== undefined) {
    context.report({
      severity: "warning",
      message: "sslConfig is not supported yet: all routes answer 503 rather than be served without TLS",
      path: "sslConfig",
      sources: context.owners,
    });
    return { status: 503, body: "TLS is not supported yet" };
  }
  return undefined;
}

/** A table that several routes lead to says the same thing several times. */
function distinct(problems: readonly TranslationProblem[]): readonly TranslationProblem[] {
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const key = JSON.stringify(problem);
    return seen.has(key) ? false : seen.add(key);
  });
}
