import type { Route } from "../../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { ShortCircuit } from "../../gateway/index.ts";
import { type ProblemSource, refText } from "../../resources/index.ts";
import type { Finding } from "./finding.ts";

/** What to say of a matcher that is never reached, at the resource that holds its route. */
export function shortCircuitText(
  { route, matcher, byRoute, byMatcher, by }: ShortCircuit,
  routes: readonly Route[],
  sources: readonly (readonly ProblemSource[])[],
): Finding {
  const own = sources[route]?.at(-1);
  const other = sources[byRoute]?.at(-1);
  const isSameOwner = other?.kind === own?.kind && other !== undefined && own !== undefined && sameRef(other, own);
  const place = `${other?.path ?? `route ${byRoute}`}${isSameOwner || other === undefined ? "" : ` of ${other.kind} ${refText(other.ref)}`}`;
  const hidden = matcherText(routes[route], matcher);
  const hiding = matcherText(routes[byRoute], byMatcher);
  const advice =
    by === "duplicate"
      ? "remove one of them, or tell them apart by headers, query parameters or methods"
      : "put this route before that one (epoxy route sort does), or remove it";
  const reason =
    by === "duplicate" ? `the same matcher in ${place} comes first` : `${hiding} in ${place} takes all its requests`;
  return {
    severity: "warning",
    message: `unreachable route: ${hidden} is never reached: ${reason}: ${advice}`,
    kind: own?.kind ?? "VirtualService",
    ref: own?.ref ?? { namespace: "", name: "" },
    path: own?.path === undefined ? undefined : withMatcher(own.path, routes[route], matcher),
  };
}

const sameRef = (a: ProblemSource, b: ProblemSource): boolean => refText(a.ref) === refText(b.ref);

const withMatcher = (path: string, route: Route | undefined, matcher: number): string =>
  (route?.matchers.length ?? 0) > 1 ? `${path}.matchers[${matcher}]` : path;

function matcherText(route: Route | undefined, index: number): string {
  const path = route?.matchers[index]?.pathSpecifier;
  if (path === undefined) return "prefix /";
  return path.$case === "connectMatcher" ? "CONNECT" : `${path.$case} ${path.value}`;
}
