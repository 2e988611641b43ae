import type { KubeObject } from "../../kubernetes/index.ts";

/** What is read of an EndpointSlice of Kubernetes; `discovery.k8s.io/v1`. */
export interface EndpointSliceObject extends KubeObject {
  readonly addressType?: string;
  readonly ports?: readonly { readonly name?: string; readonly port?: number; readonly protocol?: string }[];
  readonly endpoints?: readonly {
    readonly addresses?: readonly string[];
    readonly conditions?: {
      readonly ready?: boolean;
      readonly serving?: boolean;
      readonly terminating?: boolean;
    };
    readonly hostname?: string;
    readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly namespace?: string };
    readonly zone?: string;
  }[];
}

/** Part of the endpoints of a service, all of one address family. */
export interface EndpointSlice {
  /** `<namespace>/<name>` of the service. */
  readonly service: string;
  readonly family: "IPv4" | "IPv6";
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  readonly endpoints: readonly SliceEndpoint[];
}

export interface SliceEndpoint {
  readonly address: string;
  /** `ready`: takes requests. `terminating`: ends, but still answers. Others are of no use. */
  readonly state: "ready" | "terminating";
  /** `<namespace>/<name>` of the pod; undefined: somebody wrote the address by hand. */
  readonly pod: string | undefined;
  readonly hostname: string;
  readonly zone: string;
}

/** The label that says which service a slice is of. */
const SERVICE_LABEL = "kubernetes.io/service-name";

/** Takes from a slice what matters; undefined: it is of no service, or its addresses are names, which Envoy isn't sent. */
export function readEndpointSlice(slice: EndpointSliceObject): EndpointSlice | undefined {
  const { metadata = {}, addressType: family, ports = [], endpoints = [] } = slice;
  const service = metadata.labels?.[SERVICE_LABEL];
  if (service === undefined || service === "" || (family !== "IPv4" && family !== "IPv6")) return undefined;
  const namespace = metadata.namespace ?? "";
  return {
    service: `${namespace}/${service}`,
    family,
    ports: ports.flatMap(({ name = "", port, protocol = "TCP" }) =>
      port === undefined || protocol !== "TCP" ? [] : [{ name, port }],
    ),
    endpoints: endpoints.flatMap(({ addresses = [], conditions = {}, hostname = "", targetRef, zone = "" }) => {
      // Further addresses of one family mean the same instance; the API says to use the first.
      const [address] = addresses;
      const state = stateOf(conditions);
      if (address === undefined || state === undefined) return [];
      const pod = targetRef?.kind === "Pod" ? `${targetRef.namespace ?? namespace}/${targetRef.name ?? ""}` : undefined;
      return [{ address, state, pod, hostname, zone }];
    }),
  };
}

type Conditions = NonNullable<NonNullable<EndpointSliceObject["endpoints"]>[number]["conditions"]>;

/** A condition that isn't set is taken for true, as the API asks for. */
function stateOf({
  ready = true,
  serving = ready,
  terminating = false,
}: Conditions): SliceEndpoint["state"] | undefined {
  if (ready) return "ready";
  return serving && terminating ? "terminating" : undefined;
}
