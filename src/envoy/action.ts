import type { DirectResponseAction, Route, RouteAction } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { EnvoyDirectResponseAction, EnvoyRedirectAction, EnvoyRouteAction } from "./api.ts";
import { headerNameFault } from "./checks/header.ts";
import type { TranslationContext } from "./context.ts";
import { invalidDestination, resolveDestination } from "./destination.ts";
import { ANY_CLUSTER } from "./names.ts";
import { translateRedirect } from "./redirect.ts";
import { directResponse, FAULTY, maxBodyBytes, missingDestination, UNPROTECTED, UNSUPPORTED } from "./refusal.ts";
import type { Report } from "./report.ts";
import { resolveWeightedDestinations } from "./weighted-destinations.ts";

/** What a route does with a request. */
export type Action =
  | { readonly kind: "forward"; readonly action: Partial<EnvoyRouteAction>; readonly clusters: readonly string[] }
  | { readonly kind: "redirect"; readonly redirect: EnvoyRedirectAction }
  | { readonly kind: "respond"; readonly response: EnvoyDirectResponseAction }
  /** It was to forward, and can't: options for forwarding have no effect, which is no news. */
  | { readonly kind: "refuse"; readonly response: EnvoyDirectResponseAction };

const FAULTY_ACTION: Action = { kind: "refuse", response: FAULTY };

/** Translates a route's action. Errors are in the report. */
export function translateAction(route: Route, path: string, context: TranslationContext, report: Report): Action {
  const action = route.action;
  switch (action?.$case) {
    case undefined:
      report.error(path, "the route has no action: set routeAction, redirectAction or directResponseAction");
      return FAULTY_ACTION;
    case "routeAction":
      return translateRouteAction(action.value, `${path}.routeAction`, context, report);
    case "redirectAction":
      return {
        kind: "redirect",
        redirect: translateRedirect(action.value, `${path}.redirectAction`, context, report),
      };
    case "directResponseAction":
      return translateDirectResponse(action.value, `${path}.directResponseAction`, context, report);
  }
}

function translateDirectResponse(
  { status, body }: DirectResponseAction,
  path: string,
  context: TranslationContext,
  report: Report,
): Action {
  // Envoy's bounds for DirectResponseAction.status.
  if (status < 200 || status > 599) report.error(`${path}.status`, `${status} is no status from 200 to 599`);
  const limit = maxBodyBytes(context);
  const size = Buffer.byteLength(body);
  if (size > limit) {
    report.error(
      `${path}.body`,
      `the body has ${size} bytes, the listener's routeOptions.maxDirectResponseBodySizeBytes allows ${limit}`,
    );
  }
  return { kind: "respond", response: directResponse(status, body) };
}

function translateRouteAction(
  { destination }: RouteAction,
  path: string,
  context: TranslationContext,
  report: Report,
): Action {
  switch (destination?.$case) {
    case undefined:
      report.error(path, "the route has no destination: set single, multi, upstreamGroup or clusterHeader");
      return FAULTY_ACTION;
    case "single": {
      const resolved = resolveDestination(destination.value, `${path}.single`, context, report);
      if (resolved.kind !== "cluster") return refuse(resolved.kind, context);
      const { cluster, metadataMatch } = resolved;
      return {
        kind: "forward",
        action: { clusterSpecifier: { $case: "cluster", value: cluster }, metadataMatch },
        clusters: [cluster],
      };
    }
    case "multi":
      return weighted(
        resolveWeightedDestinations(destination.value.destinations, `${path}.multi.destinations`, context, report),
        context,
      );
    case "upstreamGroup": {
      const { name, namespace } = destination.value;
      const group = context.upstreamGroup({ name, namespace });
      if (group === undefined) {
        report.warn(`${path}.upstreamGroup`, invalidDestination("UpstreamGroup", destination.value, "not found"));
        return refuse("missing", context);
      }
      return weighted(
        resolveWeightedDestinations(group.destinations, `${path}.upstreamGroup.destinations`, context, report),
        context,
      );
    }
    case "clusterHeader": {
      const fault = headerNameFault(destination.value, "pseudo-headers allowed");
      if (fault !== undefined) {
        report.error(`${path}.clusterHeader`, fault);
        return FAULTY_ACTION;
      }
      return {
        kind: "forward",
        action: { clusterSpecifier: { $case: "clusterHeader", value: destination.value } },
        clusters: [ANY_CLUSTER],
      };
    }
    case "dynamicForwardProxy":
      report.warn(`${path}.dynamicForwardProxy`, "is not supported yet: requests get 503");
      return refuse("unsupported", context);
  }
}

function weighted(resolved: ReturnType<typeof resolveWeightedDestinations>, context: TranslationContext): Action {
  if (resolved.kind !== "clusters") return refuse(resolved.kind, context);
  return { kind: "forward", action: resolved.action, clusters: resolved.clusters };
}

function refuse(why: "missing" | "unsupported" | "faulty" | "unprotected", context: TranslationContext): Action {
  switch (why) {
    case "missing":
      return { kind: "refuse", response: missingDestination(context.settings) };
    case "unsupported":
      return { kind: "refuse", response: UNSUPPORTED };
    case "unprotected":
      return { kind: "refuse", response: UNPROTECTED };
    case "faulty":
      return FAULTY_ACTION;
  }
}
