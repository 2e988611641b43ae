import type { Destination, KubernetesServiceDestination } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { type Ref, refText } from "../resources/index.ts";
import type { EnvoyMetadata } from "./api.ts";
import type { TranslationContext, UpstreamState } from "./context.ts";
import { clusterName, consulUpstreamRef, kubernetesServiceRef } from "./names.ts";
import type { Report } from "./report.ts";
import { NO_KUBERNETES, servicePortFault, unreadText } from "./upstreams/kubernetes.ts";

/** What became of a destination. `faulty`: the report has the error. */
export type ResolvedDestination =
  | { readonly kind: "cluster"; readonly cluster: string; readonly metadataMatch: EnvoyMetadata | undefined }
  | { readonly kind: "missing" | "unsupported" | "faulty" };

/** Key of the metadata by which Envoy's load balancer picks subsets. */
export const LOAD_BALANCER_METADATA = "envoy.lb";

/** Finds the cluster of a destination. What is missing or not supported yet is a warning. */
export function resolveDestination(
  destination: Destination | undefined,
  path: string,
  context: TranslationContext,
  report: Report,
): ResolvedDestination {
  const type = destination?.destinationType;
  if (destination === undefined || type === undefined) {
    report.error(path, "the destination names no upstream: set upstream, consul or kube");
    return { kind: "faulty" };
  }
  const spec = destination.destinationSpec?.destinationType;
  if (spec !== undefined) {
    report.warn(
      `${path}.destinationSpec.${spec.$case}`,
      "routing to functions is not supported yet: requests for them get 503 rather than reach the upstream unchanged",
    );
    return { kind: "unsupported" };
  }
  switch (type.$case) {
    case "kube":
      return resolveService(type.value, destination, path, context, report);
    case "consul": {
      const { serviceName, tags, dataCenters } = type.value;
      if (tags.length > 0 || dataCenters.length > 0) {
        report.warn(
          `${path}.consul.${tags.length > 0 ? "tags" : "dataCenters"}`,
          "choosing instances is not supported yet: requests get 503 rather than reach any instance",
        );
        return { kind: "unsupported" };
      }
      return resolveUpstream(consulUpstreamRef(serviceName), destination, path, context, report);
    }
    case "upstream":
      return resolveUpstream(type.value, destination, path, context, report);
  }
}

function resolveService(
  { ref: service, port }: KubernetesServiceDestination,
  destination: Destination,
  path: string,
  context: TranslationContext,
  report: Report,
): ResolvedDestination {
  const { kubernetesService, settings } = context;
  if (service === undefined || service.name === "") {
    report.error(`${path}.kube.ref`, "the destination names no service: set ref.name and ref.namespace");
    return { kind: "faulty" };
  }
  if (kubernetesService === undefined || !settings.kubernetesDestinations) {
    const why = kubernetesService === undefined ? NO_KUBERNETES : "the Settings say gloo.disableKubernetesDestinations";
    report.warn(`${path}.kube`, `Kubernetes services can't be destinations, as ${why}: requests get 503`);
    return { kind: "unsupported" };
  }
  const found = kubernetesService(service);
  const fault =
    found === undefined
      ? `service ${refText(service)} not found`
      : found.ports?.length === 0
        ? `service ${refText(service)} names no ports: name one in an Upstream of type kube`
        : servicePortFault(found, service, port);
  const upstream = kubernetesServiceRef(service, port);
  if (fault !== undefined) {
    report.warn(path, invalidDestination("Upstream", upstream, `not found: ${fault}`));
    return { kind: "missing" };
  }
  if (found?.unread !== undefined) {
    report.warn(path, `${unreadText(found.unread)}: until then requests get 503, unless proxies have the cluster`);
  }
  return chosen(upstream, { valid: true, subsets: [] }, destination, path, report);
}

function resolveUpstream(
  { name, namespace }: Ref,
  destination: Destination,
  path: string,
  context: TranslationContext,
  report: Report,
): ResolvedDestination {
  const upstream = { name, namespace };
  const state = context.upstream(upstream);
  if (state?.valid !== true) {
    report.warn(
      path,
      invalidDestination("Upstream", upstream, state === undefined ? "not found" : "has no cluster: see its status"),
    );
    return { kind: "missing" };
  }
  return chosen(upstream, state, destination, path, report);
}

/** The cluster of an Upstream, or the part of it that the destination chooses. */
function chosen(
  upstream: Ref,
  state: UpstreamState,
  destination: Destination,
  path: string,
  report: Report,
): ResolvedDestination {
  const values = Object.entries(destination.subset?.values ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  if (values.length === 0) return { kind: "cluster", cluster: clusterName(upstream), metadataMatch: undefined };
  const keys = values.map(([key]) => key);
  if (!state.subsets.some((subset) => subset.length === keys.length && subset.every((key, at) => key === keys[at]))) {
    report.error(`${path}.subset`, `the upstream has no subset by ${keys.join(", ")}`);
    return { kind: "faulty" };
  }
  return {
    kind: "cluster",
    cluster: clusterName(upstream),
    metadataMatch: {
      filterMetadata: { [LOAD_BALANCER_METADATA]: Object.fromEntries(values) },
      typedFilterMetadata: {},
    },
  };
}

/** The text of the warning for a destination that can't be used; people search for it. */
export const invalidDestination = (kind: string, { namespace, name }: Ref, why: string): string =>
  `Route Warning: InvalidDestinationWarning. Reason: *v1.${kind} { ${namespace}.${name} } ${why}`;
