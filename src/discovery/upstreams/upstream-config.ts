import { isDeepStrictEqual } from "node:util";
import type { Upstream } from "../../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { UpstreamType } from "../../../generated/sdk/gloo/v1.ts";
import { fromJson, type JsonValue, refText } from "../../resources/index.ts";
import type { Service } from "../kubernetes/service.ts";

/** Gloo's: fields of an Upstream in JSON, for the Upstreams of a service. */
const ANNOTATION = "gloo.solo.io/upstream_config";

/** What a service says of its Upstreams. At most one of both is there. */
export interface UpstreamConfig {
  readonly upstream: Upstream | undefined;
  /** Why it can't be used. */
  readonly problem: string | undefined;
}

const nothing: UpstreamConfig = { upstream: undefined, problem: undefined };

/** Reads the annotation of a service. Never throws: the service is served without what can't be read. */
export function upstreamConfig({ annotations, ref }: Service): UpstreamConfig {
  const text = annotations[ANNOTATION];
  if (text === undefined || text.trim() === "") return nothing;
  try {
    const upstream = fromJson(UpstreamType, JSON.parse(text) as JsonValue);
    const type = upstream.upstreamType?.$case;
    if (type === undefined || type === "kube") return { upstream, problem: undefined };
    throw new Error(`an Upstream of a service is of type kube, not ${type}`);
  } catch (error) {
    const problem = `service ${refText(ref)}: annotation ${ANNOTATION} is left out: ${(error as Error).message}`;
    return { upstream: undefined, problem };
  }
}

const unset = UpstreamType.codec.fromPartial({ upstreamType: { $case: "kube", value: {} } });
const unsetKube = kubeOf(unset);

/** The fields of an Upstream of type kube that are set, but for who it is, what its service is, and what others report. */
export function saidFields(upstream: Upstream): Partial<Upstream> {
  const { metadata, namespacedStatuses, discoveryMetadata, upstreamType, ...fields } = upstream;
  return setOf(fields, unset);
}

/** The same of its `kube`, but for which service it is, and for the selector. */
export function saidKubeFields(upstream: Upstream): Partial<ReturnType<typeof kubeOf>> {
  const { serviceName, serviceNamespace, servicePort, selector, ...fields } = kubeOf(upstream);
  return setOf(fields, unsetKube);
}

function kubeOf({ upstreamType }: Upstream) {
  if (upstreamType?.$case !== "kube") throw new Error("not of type kube");
  return upstreamType.value;
}

function setOf<T extends object>(fields: T, defaults: Partial<Record<keyof T, unknown>>): Partial<T> {
  const entries = Object.entries(fields) as [keyof T, unknown][];
  return Object.fromEntries(entries.filter(([key, value]) => !isDeepStrictEqual(value, defaults[key]))) as Partial<T>;
}
