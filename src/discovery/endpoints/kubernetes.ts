import type { UpstreamSpec } from "../../../generated/proto/epoxy/gloo/options/kubernetes/v1/kubernetes.ts";
import type { EndpointSlice, SliceEndpoint } from "../kubernetes/endpoint-slice.ts";
import type { Service } from "../kubernetes/service.ts";

/** A pod of a service, or whatever else its endpoints are. */
export interface KubernetesEndpoint {
  readonly address: string;
  readonly port: number;
  readonly hostname?: string | undefined;
  readonly additionalAddresses?: readonly string[] | undefined;
  readonly zone?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface KubernetesEndpointInputs {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  /** Labels of a pod by `<namespace>/<name>`; asked only where {@link needsPods} says so. */
  podLabels(pod: string): Readonly<Record<string, string>> | undefined;
  readonly onlyIPv4: boolean;
}

/** Whether the pods of an Upstream are chosen by labels that its service doesn't ask for already. */
export function needsPods({ selector, subsetSpec }: UpstreamSpec, service: Service): boolean {
  const isChosen = Object.entries(selector).some(([key, value]) => service.selector?.[key] !== value);
  return isChosen || subsetSpec?.selectors.some(({ keys }) => keys.length > 0) === true;
}

/**
 * The endpoints of a port of a service: those that are ready or, if none is, those that end but still answer, as Kubernetes' own proxy
 * does. An instance that has addresses of both families is one endpoint: the family that the service prefers comes first.
 */
export function kubernetesEndpoints(
  spec: UpstreamSpec,
  inputs: KubernetesEndpointInputs,
): readonly KubernetesEndpoint[] {
  const { service, slices, podLabels, onlyIPv4 } = inputs;
  const found = slices.flatMap((slice) => {
    const port = portOf(slice, spec, service);
    return port === undefined ? [] : slice.endpoints.map((endpoint) => ({ ...endpoint, port, family: slice.family }));
  });
  const usable = onlyIPv4 ? found.filter(({ family }) => family === "IPv4") : found;
  const ready = usable.filter(({ state }) => state === "ready");
  const serving = ready.length > 0 ? ready : usable;
  const preferred = service.prefersIPv6 ? "IPv6" : "IPv4";
  const first = serving.filter(({ family }) => family === preferred);
  const others = serving.filter(({ family }) => family !== preferred);
  const [main, additional] = first.length > 0 ? [first, others] : [others, []];
  const byPod = new Map<string, string>();
  for (const { pod, address, port } of additional) if (pod !== undefined) byPod.set(`${pod}:${port}`, address);

  const chosen = needsPods(spec, service);
  const keys = [...new Set(spec.subsetSpec?.selectors.flatMap((selector) => selector.keys) ?? [])];
  const endpoints = main.flatMap((endpoint): KubernetesEndpoint[] => {
    const own = chosen && endpoint.pod !== undefined ? podLabels(endpoint.pod) : undefined;
    if (chosen && !Object.entries(spec.selector).every(([key, value]) => hasLabel(own, service, key, value))) return [];
    const labels = keys.flatMap((key) => (own?.[key] === undefined ? [] : [[key, own[key]] as const]));
    return [withDetails(endpoint, byPod.get(`${endpoint.pod}:${endpoint.port}`), labels)];
  });
  // A pod may be in two slices for a moment, while Kubernetes moves it from one to the other.
  return [...new Map(endpoints.map((endpoint) => [`${endpoint.address} ${endpoint.port}`, endpoint])).values()];
}

const hasLabel = (
  own: Readonly<Record<string, string>> | undefined,
  service: Service,
  key: string,
  value: string,
): boolean => own?.[key] === value || service.selector?.[key] === value;

function withDetails(
  { address, port, hostname, zone }: SliceEndpoint & { readonly port: number },
  additional: string | undefined,
  labels: readonly (readonly [string, string])[],
): KubernetesEndpoint {
  return {
    address,
    port,
    ...(hostname === "" ? {} : { hostname }),
    ...(zone === "" ? {} : { zone }),
    ...(additional === undefined ? {} : { additionalAddresses: [additional] }),
    ...(labels.length === 0 ? {} : { labels: Object.fromEntries(labels) }),
  };
}

/** Where a slice's pods listen for a port of the service: under its name. Pods may differ in what a name means. */
function portOf({ ports }: EndpointSlice, { servicePort }: UpstreamSpec, service: Service): number | undefined {
  // A headless service without ports has slices without any.
  if (service.ports.length === 0) return servicePort;
  const wanted = service.ports.find(({ port }) => port === servicePort);
  if (wanted === undefined) return undefined;
  // A name that somebody wrote into the slice of an unnamed port by hand does no harm.
  if (service.ports.length === 1 && ports.length === 1) return ports[0]?.port;
  return ports.find(({ name }) => name === wanted.name)?.port;
}
