import type { Route, VirtualHost } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import { joinedFrom, type TranslationProblem } from "../resources/index.ts";
import { EnvoyVirtualHost } from "./api.ts";
import { domainFault, normalizeDomain } from "./checks/domain.ts";
import type { TranslationContext } from "./context.ts";
import { mergeContribution } from "./feature.ts";
import { features, unimplementedIn } from "./features/index.ts";
import { virtualHostName } from "./names.ts";
import { FAULTY, UNPROTECTED } from "./refusal.ts";
import { createReport, type Report } from "./report.ts";
import { VIRTUAL_HOST_PATH } from "./route.ts";
import { encodePieces, type KeepPart } from "./route-piece.ts";
import { sourcesOf } from "./sources.ts";

/** A virtual host for Envoy. */
export interface TranslatedVirtualHost {
  /** Without its routes. Undefined where it has no name or not one valid domain: there is nothing that could be served. */
  readonly virtualHost: EnvoyVirtualHost | undefined;
  /** Its encoded routes, in order, as fields of the virtual host. What didn't change is the same object as before. */
  readonly routes: readonly Uint8Array[];
  /** Names of the clusters that it routes to, sorted. */
  readonly clusters: readonly string[];
  readonly problems: readonly TranslationProblem[];
  /** Keep the last good version, if there is one; else serve what is here, which answers as much as it can with errors. */
  readonly fatal: boolean;
}

const EMPTY = EnvoyVirtualHost.fromPartial({});
const ALL_DOMAINS = ["*"];

/**
 * Translates the virtual host of a fragment. A faulty route harms no other; a faulty domain or option of the virtual host
 * itself is fatal to this version of it, whose routes then all answer 500.
 * @param part - keeps what came of each route table; by default all is made each time
 */
export function translateVirtualHost(
  fragment: ProxyFragment,
  context: TranslationContext,
  part: KeepPart = (_key, _inputs, make) => make(undefined),
): TranslatedVirtualHost {
  const [input] = fragment.virtualHosts;
  if (input === undefined) return { virtualHost: undefined, routes: [], clusters: [], problems: [], fatal: false };
  const report = createReport(() => sourcesOf(fragment.owner, input));
  const domains = translateDomains(input.domains, report);
  const name = virtualHostName(input.name);
  if (name === "") report.error(`${VIRTUAL_HOST_PATH}.name`, "the virtual host has no name");
  const unprotected = unimplementedIn.virtualHost(input, VIRTUAL_HOST_PATH, report);
  const options = applyFeatures(input, context, report);
  const fatal = report.errors > 0;

  const sources = JSON.stringify(sourcesOf(fragment.owner, input));
  const refused = fatal ? FAULTY : unprotected ? UNPROTECTED : undefined;
  const reportOf = (route: Route) => createReport(() => sourcesOf(fragment.owner, input, route));
  const pieces = joinedFrom(input.routes).filter(({ length }) => length > 0);
  const encoded = encodePieces(pieces, { virtualHost: name, refused, sources }, context, reportOf, part);
  const routes = encoded.map(({ bytes }) => bytes);
  const problems = [...report.problems, ...encoded.flatMap((piece) => piece.problems)];
  if (domains.length === 0 || name === "") {
    return { virtualHost: undefined, routes, clusters: [], problems, fatal };
  }
  const virtualHost: EnvoyVirtualHost = { ...(fatal ? EMPTY : options), name, domains, routes: [] };
  const reached = encoded.map(({ clusters }) => clusters);
  // There may be thousands, and most changes leave them as they are.
  const clusters = reached.length === 1 ? union(reached) : part("clusters", [reached], () => union(reached));
  return { virtualHost, routes, clusters, problems, fatal };
}

const union = (lists: readonly (readonly string[])[]): readonly string[] => [...new Set(lists.flat())].sort();

/** The valid domains, each once; none given means all. */
function translateDomains(domains: readonly string[], report: Report): readonly string[] {
  if (domains.length === 0) return ALL_DOMAINS;
  const translated = new Set<string>();
  for (const [index, domain] of domains.entries()) {
    const path = `${VIRTUAL_HOST_PATH}.domains[${index}]`;
    const fault = domainFault(domain);
    const normalized = normalizeDomain(domain);
    if (fault !== undefined) report.error(path, fault);
    else if (translated.has(normalized)) report.warn(path, `${domain} is listed twice`);
    else translated.add(normalized);
  }
  return [...translated];
}

function applyFeatures(input: VirtualHost, context: TranslationContext, report: Report): EnvoyVirtualHost {
  let virtualHost = EMPTY;
  if (input.options === undefined) return virtualHost;
  const scope = { context, report, path: `${VIRTUAL_HOST_PATH}.options` };
  for (const feature of features) {
    virtualHost = mergeContribution(virtualHost, feature.virtualHost?.(input.options, scope));
  }
  return virtualHost;
}
