import type { KubeObject } from "../../kubernetes/index.ts";
import type { Ref } from "../../resources/index.ts";

/** What is read of a Service of Kubernetes; `core/v1`. */
export interface ServiceObject extends KubeObject {
  readonly spec?: {
    readonly type?: string;
    readonly externalName?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ipFamilies?: readonly string[];
    readonly ports?: readonly {
      readonly name?: string;
      readonly port: number;
      readonly protocol?: string;
      readonly appProtocol?: string;
    }[];
  };
}

export interface ServicePort {
  readonly port: number;
  /** Empty where the service has but one. */
  readonly name: string;
  readonly appProtocol: string;
}

/** A Service, as far as anything here depends on it, so that its other changes cause no work. */
export interface Service {
  readonly ref: Ref;
  /** Those for TCP: an Upstream has no other. */
  readonly ports: readonly ServicePort[];
  /** Of type ExternalName: the name that it stands for. */
  readonly externalName: string | undefined;
  /** Labels of its pods; undefined: somebody else says what its endpoints are. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  readonly prefersIPv6: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Those of Gloo. */
  readonly annotations: Readonly<Record<string, string>>;
}

const ANNOTATION_PREFIX = "gloo.solo.io/";

/** Takes from a Service what matters. */
export function readService({ metadata = {}, spec = {} }: ServiceObject): Service {
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) => key.startsWith(ANNOTATION_PREFIX));
  const selector = spec.selector ?? {};
  return {
    ref: { namespace: metadata.namespace ?? "", name: metadata.name ?? "" },
    ports: (spec.ports ?? [])
      .filter(({ protocol = "TCP" }) => protocol === "TCP")
      .map(({ port, name = "", appProtocol = "" }) => ({ port, name, appProtocol })),
    externalName: spec.type === "ExternalName" ? (spec.externalName ?? "") : undefined,
    selector: Object.keys(selector).length === 0 ? undefined : selector,
    prefersIPv6: spec.ipFamilies?.[0] === "IPv6",
    labels: metadata.labels ?? {},
    annotations: Object.fromEntries(annotations),
  };
}
