import type { Ref } from "./ref.ts";

/** A resource as translators name it: `kind` is the plain kind, such as `VirtualService`. */
export interface ResourceKey {
  readonly kind: string;
  readonly ref: Ref;
}

/** A resource that a problem concerns, and the part of it that the translated thing was made from. */
export interface ProblemSource extends ResourceKey {
  /** Path from the resource's top, such as `virtualHost.routes[0]`; undefined: the resource as a whole. */
  readonly path?: string | undefined;
}

/** What a translator has to say of the resources it read. It never throws on their content. */
export interface TranslationProblem {
  readonly severity: "error" | "warning";
  /** For people; ends up in the status of each of `sources`. */
  readonly message: string;
  /**
   * Path of the field concerned in what was translated, such as `virtualHost.routes[0].options.jwt`. A resource whose source has a
   * path knows the route (or virtual host, or listener) under that one.
   */
  readonly path?: string | undefined;
  /** Whom it concerns, outermost first: a VirtualService, then the RouteTable that holds the route. */
  readonly sources: readonly ProblemSource[];
}

/** How the path of a part ends in the resource that it came from, and how the problem's own path names that part. */
const PARTS: readonly (readonly [inSource: RegExp, inProblem: RegExp])[] = [
  [/(?:^|\.)routes\[\d+\]$/, /^virtualHost\.routes\[\d+\]/],
  [/(?:^|\.)virtualHosts\[\d+\]$/, /^virtualHost\b/],
  [/(?:^|\.)listeners\[\d+\]$/, /^/],
];

/**
 * The path of the field concerned in one of the problem's sources: that of the part (a route, virtual host or listener) it came from, and
 * what follows the part in the problem's own path.
 */
export function problemPath(problem: TranslationProblem, source: ProblemSource): string | undefined {
  const { path } = problem;
  if (source.path === undefined || path === undefined) return path;
  const own = PARTS.find(([inSource]) => inSource.test(source.path ?? ""))?.[1].exec(path);
  const rest = own == null ? "" : path.slice(own[0].length);
  return rest === "" || rest.startsWith(".") || rest.startsWith("[") ? source.path + rest : `${source.path}.${rest}`;
}
