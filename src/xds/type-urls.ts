const envoy = "type.googleapis.com/envoy.";

/** The v3 resource types of Envoy that have a discovery service of their own. */
export const typeUrls = {
  cluster: `${envoy}config.cluster.v3.Cluster`,
  endpoint: `${envoy}config.endpoint.v3.ClusterLoadAssignment`,
  listener: `${envoy}config.listener.v3.Listener`,
  route: `${envoy}config.route.v3.RouteConfiguration`,
  scopedRoute: `${envoy}config.route.v3.ScopedRouteConfiguration`,
  virtualHost: `${envoy}config.route.v3.VirtualHost`,
  secret: `${envoy}extensions.transport_sockets.tls.v3.Secret`,
  extensionConfig: `${envoy}config.core.v3.TypedExtensionConfig`,
  runtime: `${envoy}service.runtime.v3.Runtime`,
} as const;

/** What the protocol says about a type, beyond what holds for all types. */
export interface TypeTraits {
  readonly typeUrl: string;
  /** State of the world: a response lists all that is subscribed, and what it lacks is deleted (LDS, CDS and, in Envoy, SRDS). */
  readonly fullState: boolean;
  /** An empty list in the first request means all resources (LDS, CDS and, in Envoy, SRDS). */
  readonly legacyWildcard: boolean;
  /**
   * Place in make-before-break on an aggregated stream: `needed` (clusters, endpoints) is added before and removed after what `uses` it
   * (listeners, routes).
   */
  readonly order: "needed" | "uses" | "free";
  /** Among the types of a stream, the lower rank is sent first. */
  readonly rank: number;
}

/** Sent in this order: clusters, their endpoints, then what routes to them, then the rest. */
const ranked: readonly [typeUrl: string, order: TypeTraits["order"]][] = [
  [typeUrls.cluster, "needed"],
  [typeUrls.endpoint, "needed"],
  [typeUrls.listener, "uses"],
  // A scope that is gone needs its route configuration no more: Envoy complains of removals of what it still uses.
  [typeUrls.scopedRoute, "uses"],
  [typeUrls.route, "uses"],
  [typeUrls.virtualHost, "uses"],
  [typeUrls.secret, "free"],
  [typeUrls.extensionConfig, "free"],
  [typeUrls.runtime, "free"],
];

const traitsByUrl = new Map(
  ranked.map(([typeUrl, order], rank): [string, TypeTraits] => {
    const whole = typeUrl === typeUrls.cluster || typeUrl === typeUrls.listener || typeUrl === typeUrls.scopedRoute;
    return [typeUrl, { typeUrl, fullState: whole, legacyWildcard: whole, order, rank }];
  }),
);

/** The traits of any type; one that isn't Envoy's is subscribed to by name or by `*`, and is sent last. */
export function typeTraits(typeUrl: string): TypeTraits {
  return (
    traitsByUrl.get(typeUrl) ?? { typeUrl, fullState: false, legacyWildcard: false, order: "free", rank: ranked.length }
  );
}
