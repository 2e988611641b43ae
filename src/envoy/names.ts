import { createHash } from "node:crypto";
import type { Ref } from "../resources/index.ts";

/** Name of an Upstream's cluster, as Gloo builds it: dashboards and alerts are keyed by it. */
export const clusterName = (upstream: Ref): string => `${upstream.name}_${upstream.namespace}`;

/** A cluster that can't exist: every cluster of an Upstream has an underscore in its name, and no DNS name has one. */
export const MISSING_CLUSTER = "missing-destination";

/** Stands for all clusters where those are listed that a route leads to: a request names the one that it wants. */
export const ANY_CLUSTER = "*";

/** The in-memory Upstream that a `consul` destination stands for. */
export const consulUpstreamRef = (serviceName: string): Ref => ({ namespace: "", name: `consul-svc:${serviceName}` });

/** Names with this start are of in-memory Upstreams that `kube` destinations stand for. */
export const KUBERNETES_SERVICE_PREFIX = "kube-svc:";

/** Longest name that Gloo gives what it discovers in Kubernetes. */
const MAX_DISCOVERED_NAME = 63;

/** Gloo's name of the Upstream of a service's port: `<namespace>-<service>-<port>`, cut to 63 characters with a hash. */
export function kubernetesUpstreamName(service: Ref, port: number): string {
  // A service of before RFC 1035 labels were required may have dots in its name.
  const name = `${service.namespace}-${service.name}-${port}`.replaceAll(".", "-");
  if (name.length <= MAX_DISCOVERED_NAME) return name;
  const hash = createHash("md5").update(name).digest("hex");
  return `${name.slice(0, 31)}-${hash}`.slice(0, MAX_DISCOVERED_NAME);
}

/** The in-memory Upstream that a `kube` destination stands for. */
export const kubernetesServiceRef = (service: Ref, port: number): Ref => ({
  namespace: service.namespace,
  name: `${KUBERNETES_SERVICE_PREFIX}${kubernetesUpstreamName(service, port)}`,
});

/** Name of the Envoy listener at an address; also in its statistics. */
export const listenerName = (bindAddress: string, bindPort: number): string => `listener-${bindAddress}-${bindPort}`;

/** Name of the route configuration of an Envoy listener. */
export const routeConfigurationName = (envoyListenerName: string): string => `${envoyListenerName}-routes`;

/** Name of a virtual host in Envoy: dots would split its statistics. */
export const virtualHostName = (name: string): string => name.replaceAll(".", "_");

/** Name of the Envoy route that one matcher of a route becomes. */
export const routeName = (virtualHost: string, index: number, name: string, matcher: number): string =>
  `${virtualHost}-route-${index}${name === "" ? "" : `-${name}`}-matcher-${matcher}`;
