import type { Upstream } from "../../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { UpstreamType } from "../../../generated/sdk/gloo/v1.ts";
import type { Ref } from "../../resources/index.ts";
import type { Service, ServicePort } from "../kubernetes/service.ts";
import { saidFields, saidKubeFields, upstreamConfig } from "./upstream-config.ts";

/** The label that marks what discovery from Kubernetes owns, as in Gloo. */
export const kubernetesOwnerLabels = { discovered_by: "kubernetesplugin" } as const;

/** Keeps what the service's selector was, which tells whether the Upstream's is still ours. */
const SELECTOR_ANNOTATION = "epoxy.dev/discovered-selector";

/**
 * The Upstreams of a service, one for each of its TCP ports.
 * @param nameOf gives the name of a port's Upstream
 */
export function upstreamsOfService(
  service: Service,
  namespace: string,
  nameOf: (service: Ref, port: number) => string,
): readonly Upstream[] {
  const { ref, selector = {}, labels } = service;
  const { upstream: config } = upstreamConfig(service);
  return service.ports.map((port) => {
    const annotations = { [SELECTOR_ANNOTATION]: selectorText(selector) };
    const spec = {
      serviceName: ref.name,
      serviceNamespace: ref.namespace,
      servicePort: port.port,
      selector: { ...selector },
      ...(config?.upstreamType && saidKubeFields(config)),
    };
    const upstream = UpstreamType.codec.fromPartial({
      metadata: { name: nameOf(ref, port.port), namespace, labels: kubernetesOwnerLabels, annotations },
      discoveryMetadata: { labels: { ...labels } },
      upstreamType: { $case: "kube", value: spec },
      useHttp2: usesHttp2(service, port),
      sslConfig: sslConfig(service, port),
    });
    return config === undefined ? upstream : { ...upstream, ...saidFields(config) };
  });
}

/**
 * The stored Upstream with what discovery knows better; all else is its owner's: `serviceSpec`, `subsetSpec`, a selector that was changed,
 * and every option. What the service says by its annotations, TLS and HTTP/2 among it, is discovery's. Undefined: it is no Kubernetes service any more.
 */
export function refreshServiceUpstream(existing: Upstream, desired: Upstream): Upstream | undefined {
  const [from, to] = [desired.upstreamType, existing.upstreamType];
  const [metadata, fresh] = [existing.metadata, desired.metadata];
  if (from?.$case !== "kube" || to?.$case !== "kube" || metadata === undefined || fresh === undefined) return undefined;
  const { serviceName, serviceNamespace, servicePort } = from.value;
  const own = metadata.annotations[SELECTOR_ANNOTATION];
  const isOurs = selectorText(to.value.selector) === own || Object.keys(to.value.selector).length === 0;
  const selector = isOurs ? from.value.selector : to.value.selector;
  return {
    ...existing,
    ...saidFields(desired),
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...fresh.labels },
      annotations: isOurs ? { ...metadata.annotations, ...fresh.annotations } : metadata.annotations,
    },
    discoveryMetadata: desired.discoveryMetadata,
    upstreamType: {
      $case: "kube",
      value: { ...to.value, ...saidKubeFields(desired), serviceName, serviceNamespace, servicePort, selector },
    },
  };
}

const selectorText = (selector: Readonly<Record<string, string>>): string =>
  Object.keys(selector)
    .sort()
    .map((key) => `${key}=${selector[key]}`)
    .join(",");

const HTTP2_PROTOCOLS: readonly string[] = ["kubernetes.io/h2c", "h2c", "h2", "http2", "grpc"];

/** Whether a port speaks HTTP/2, as far as the service says so; undefined: it doesn't. */
function usesHttp2({ annotations }: Service, { name, appProtocol }: ServicePort): boolean | undefined {
  const given = annotations["gloo.solo.io/h2_service"];
  if (given === "true" || given === "false") return given === "true";
  if (HTTP2_PROTOCOLS.includes(appProtocol.toLowerCase())) return true;
  return ["grpc", "h2", "http2"].some((prefix) => name.startsWith(prefix)) ? true : undefined;
}

/** TLS to a port by Gloo's annotations, each of which is `<value>`, for all ports, or `<port>:<value>`. */
function sslConfig({ annotations, ref }: Service, { port }: ServicePort) {
  const of = (field: string): string => {
    const [, only, value] = /^(?:(\d+):)?(.*)$/s.exec(annotations[`gloo.solo.io/sslService.${field}`] ?? "") ?? [];
    return only === undefined || Number(only) === port ? (value ?? "") : "";
  };
  const name = of("secret");
  const [tlsCert, tlsKey, rootCa] = [of("tlsCert"), of("tlsKey"), of("rootCa")];
  if (name !== "") {
    return { sslSecrets: { $case: "secretRef", value: { name, namespace: ref.namespace } } } as const;
  }
  if (tlsCert === "" && tlsKey === "" && rootCa === "") return undefined;
  return { sslSecrets: { $case: "sslFiles", value: { tlsCert, tlsKey, rootCa } } } as const;
}
