import type { Destination, Route, RouteAction } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { ResourceRef } from "../../generated/proto/epoxy/core/v1/metadata.ts";

/** A destination without a namespace means the one of the resource that holds the route. */
export function defaultNamespaces(
  action: NonNullable<Route["action"]>,
  namespace: string,
): NonNullable<Route["action"]> {
  return action.$case === "routeAction"
    ? { $case: "routeAction", value: routeAction(action.value, namespace) }
    : action;
}

const withNamespace = (ref: ResourceRef, namespace: string): ResourceRef =>
  ref.namespace === "" ? { ...ref, namespace } : ref;

function routeAction(action: RouteAction, namespace: string): RouteAction {
  const destination = action.destination;
  switch (destination?.$case) {
    case "single":
      return { destination: { $case: "single", value: withDefault(destination.value, namespace) } };
    case "multi": {
      const destinations = destination.value.destinations.map((weighted) => ({
        ...weighted,
        destination: weighted.destination && withDefault(weighted.destination, namespace),
      }));
      return { destination: { $case: "multi", value: { destinations } } };
    }
    case "upstreamGroup":
      return { destination: { $case: "upstreamGroup", value: withNamespace(destination.value, namespace) } };
    default:
      return action;
  }
}

function withDefault(destination: Destination, namespace: string): Destination {
  const type = destination.destinationType;
  switch (type?.$case) {
    case "upstream":
      return { ...destination, destinationType: { $case: "upstream", value: withNamespace(type.value, namespace) } };
    case "kube": {
      const ref = type.value.ref && withNamespace(type.value.ref, namespace);
      return { ...destination, destinationType: { $case: "kube", value: { ...type.value, ref } } };
    }
    default:
      return destination;
  }
}
