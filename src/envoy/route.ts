import type { Route } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { type Action, translateAction } from "./action.ts";
import { type EnvoyDirectResponseAction, EnvoyRoute, EnvoyRouteAction } from "./api.ts";
import type { TranslationContext } from "./context.ts";
import { mergeContribution } from "./feature.ts";
import { features, unimplementedIn } from "./features/index.ts";
import { MATCH_ALL, translateMatcher } from "./matcher.ts";
import { FAULTY, fitBody, UNPROTECTED } from "./refusal.ts";
import type { Report } from "./report.ts";

const EMPTY_ROUTE = EnvoyRoute.fromPartial({});
const EMPTY_ACTION = EnvoyRouteAction.fromPartial({});

/** Paths start at the top of the resource that holds the virtual host. */
export const VIRTUAL_HOST_PATH = "virtualHost";

/** Where a route stands. */
export interface RoutePlace {
  readonly index: number;
  /** The answer of every route of the virtual host, if it can't be served as it was meant. */
  readonly refused: EnvoyDirectResponseAction | undefined;
}

/** The Envoy routes of a route, one for each of its matchers and without names, and the clusters that they route to. */
export interface TranslatedRoute {
  readonly routes: readonly EnvoyRoute[];
  readonly clusters: readonly string[];
}

/**
 * Translates a route. It always yields routes that stand in its place and match at least what it was meant to match: with errors they
 * answer 500, without the protection that was asked for 503, without a destination 503.
 */
export function translateRoute(
  route: Route,
  place: RoutePlace,
  context: TranslationContext,
  report: Report,
): TranslatedRoute {
  const path = `${VIRTUAL_HOST_PATH}.routes[${place.index}]`;
  const errorsBefore = report.errors;
  const restricted = unimplementedIn.route(route, path, report);
  const matches =
    route.matchers.length === 0
      ? [MATCH_ALL]
      : route.matchers.map((matcher, at) => translateMatcher(matcher, `${path}.matchers[${at}]`, context, report));
  const action = translateAction(route, path, context, report);
  const served = applyFeatures(route, action, path, context, report);

  const refused = report.errors > errorsBefore ? FAULTY : (place.refused ?? (restricted ? UNPROTECTED : undefined));
  const base: EnvoyRoute =
    refused === undefined
      ? served
      : { ...EMPTY_ROUTE, action: { $case: "directResponse", value: fitBody(refused, context) } };
  return {
    clusters: refused === undefined && action.kind === "forward" ? action.clusters : [],
    routes: matches.map((match) => ({ ...base, match })),
  };
}

/** The route's action and options put together, without name and match. */
function applyFeatures(
  route: Route,
  action: Action,
  path: string,
  context: TranslationContext,
  report: Report,
): EnvoyRoute {
  let base = EMPTY_ROUTE;
  let forward: EnvoyRouteAction = action.kind === "forward" ? { ...EMPTY_ACTION, ...action.action } : EMPTY_ACTION;
  if (route.options !== undefined) {
    const scope = { context, report, path: `${path}.options` };
    for (const feature of features) {
      const contribution = feature.route?.(route.options, scope);
      if (contribution === undefined) continue;
      base = mergeContribution(base, contribution.route);
      forward = mergeContribution(forward, contribution.action);
      if (contribution.action !== undefined && (action.kind === "redirect" || action.kind === "respond")) {
        report.warn(scope.path, `${feature.name} has no effect: the route forwards nothing`);
      }
    }
  }
  return { ...base, action: actionOf(action, forward, context) };
}

function actionOf(action: Action, forward: EnvoyRouteAction, context: TranslationContext): EnvoyRoute["action"] {
  switch (action.kind) {
    case "forward":
      return { $case: "route", value: forward };
    case "redirect":
      return { $case: "redirect", value: action.redirect };
    case "respond":
    case "refuse":
      return { $case: "directResponse", value: fitBody(action.response, context) };
  }
}
