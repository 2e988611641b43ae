import type { Route } from "../../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import type { RouteAction } from "../../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { Matcher } from "../../../generated/proto/epoxy/gloo/matchers/v1/matchers.ts";
import { type Ref, refText } from "../../resources/index.ts";

/** A route in one line: `[name: ]paths -> destination`. */
export function routeText(route: Route): string {
  const name = route.name === "" ? "" : `${route.name}: `;
  return `${name}${route.matchers.map(pathText).join(", ")} -> ${actionText(route)}`;
}

/** The path of a matcher; empty if it has none. */
export function pathText(matcher: Matcher): string {
  const path = matcher.pathSpecifier;
  return path === undefined || path.$case === "connectMatcher" ? "" : path.value;
}

function actionText({ action }: Route): string {
  switch (action?.$case) {
    case "routeAction":
      return destinationText(action.value);
    case "directResponseAction":
      return String(action.value.status);
    case "redirectAction":
      return action.value.hostRedirect;
    case "delegateAction": {
      const delegation = action.value.delegationType;
      return delegation?.$case === "ref" ? `${refText(delegation.value)} (route table)` : "";
    }
    case undefined:
      return "";
  }
}

function destinationText({ destination }: RouteAction): string {
  switch (destination?.$case) {
    case "multi":
      return `${destination.value.destinations.length} destinations`;
    case "upstreamGroup":
      return `upstream group: ${destination.value.name}.${destination.value.namespace}`;
    case "single": {
      const target = destination.value.destinationType;
      if (target?.$case === "upstream") return `${refText(target.value)} (upstream)`;
      if (target?.$case === "kube") return `${refText(target.value.ref ?? noRef)} (service)`;
      return "";
    }
    default:
      return "";
  }
}

const noRef: Ref = { namespace: "", name: "" };
