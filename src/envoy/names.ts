import type { Ref } from "../resources/index.ts";

/** Name of an Upstream's cluster, as Gloo builds it: dashboards and alerts are keyed by it. */
export const clusterName = (upstream: Ref): string => `${upstream.name}_${upstream.namespace}`;

/** A cluster that can't exist: every cluster of an Upstream has an underscore in its name, and no DNS name has one. */
export const MISSING_CLUSTER = "missing-destination";

/** The in-memory Upstream that a `consul` destination stands for. */
export const consulUpstreamRef = (serviceName: string): Ref => ({ namespace: "", name: `consul-svc:${serviceName}` });

/** Name of the Envoy listener at an address; also in its statistics. */
export const listenerName = (bindAddress: string, bindPort: number): string => `listener-${bindAddress}-${bindPort}`;

/** Name of the route configuration of an Envoy listener. */
export const routeConfigurationName = (envoyListenerName: string): string => `${envoyListenerName}-routes`;

/** Name of a virtual host in Envoy: dots would split its statistics. */
export const virtualHostName = (name: string): string => name.replaceAll(".", "_");

/** Name of the Envoy route that one matcher of a route becomes. */
export const routeName = (virtualHost: string, index: number, name: string, matcher: number): string =>
  `${virtualHost}-route-${index}${name === "" ? "" : `-${name}`}-matcher-${matcher}`;
