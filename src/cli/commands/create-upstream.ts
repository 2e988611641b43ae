import { UpstreamGroupKind, UpstreamKind } from "../../../generated/sdk/index.ts";
import type { JsonValue } from "../../resources/index.ts";
import type { Invocation } from "../command.ts";
import { createResource } from "../create-resource.ts";
import { keyValues } from "../key-values.ts";
import { UsageError } from "../usage-error.ts";
import type {
  consulUpstreamOptions,
  kubeUpstreamOptions,
  pipeUpstreamOptions,
  staticUpstreamOptions,
  upstreamGroupOptions,
} from "./create-specs.ts";

type Json = Readonly<Record<string, JsonValue>>;

const serviceSpec = (type: "rest" | "grpc" | undefined): Json =>
  type === undefined ? {} : { serviceSpec: { [type]: {} } };

/** `epoxy create upstream static` */
export async function createStaticUpstream(invocation: Invocation<typeof staticUpstreamOptions>): Promise<undefined> {
  const { values } = invocation;
  const hosts = values["static-hosts"].map(readHost);
  if (hosts.length === 0) throw new UsageError("an upstream needs addresses: --static-hosts HOST:PORT");
  const tls = values["static-outbound-tls"] ? { useTls: true } : {};
  return createResource(invocation, UpstreamKind, {
    static: { hosts, ...tls, ...serviceSpec(values["service-spec-type"]) },
  });
}

/** `host`, `host:port`, `::1` or `[::1]:port`. */
function readHost(text: string): Json {
  const match = /^(?:\[([^\]]+)\]|([^:]+)|([0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*))(?::(\d{1,5}))?$/i.exec(text);
  const addr = match?.[1] ?? match?.[2] ?? match?.[3];
  const port = Number(match?.[4] ?? 80);
  if (addr === undefined || port < 1 || port > 65_535) {
    throw new UsageError(`option --static-hosts needs host:port with a port from 1 to 65535, found "${text}"`);
  }
  return { addr, port };
}

/** `epoxy create upstream consul` */
export async function createConsulUpstream(invocation: Invocation<typeof consulUpstreamOptions>): Promise<undefined> {
  const { values } = invocation;
  const serviceName = values["consul-service"];
  if (!serviceName) throw new UsageError("the service's name is missing: --consul-service NAME");
  const serviceTags = values["consul-service-tags"];
  const fields = { serviceName, serviceTags, ...serviceSpec(values["service-spec-type"]) };
  return createResource(invocation, UpstreamKind, { consul: fields });
}

/** `epoxy create upstream kube` */
export async function createKubeUpstream(invocation: Invocation<typeof kubeUpstreamOptions>): Promise<undefined> {
  const { values } = invocation;
  const serviceName = values["kube-service"];
  if (!serviceName) throw new UsageError("the Service's name is missing: --kube-service NAME");
  const servicePort = values["kube-service-port"];
  if (servicePort < 1 || servicePort > 65_535) {
    throw new UsageError(`option --kube-service-port needs a port from 1 to 65535, found ${servicePort}`);
  }
  const selector = keyValues("--kube-service-labels", values["kube-service-labels"]);
  const serviceNamespace = values["kube-service-namespace"];
  const fields = { serviceName, serviceNamespace, servicePort, selector, ...serviceSpec(values["service-spec-type"]) };
  return createResource(invocation, UpstreamKind, { kube: fields });
}

/** `epoxy create upstream pipe` */
export async function createPipeUpstream(invocation: Invocation<typeof pipeUpstreamOptions>): Promise<undefined> {
  const { values } = invocation;
  const path = values["pipe-path"];
  if (!path) throw new UsageError("the socket's path is missing: --pipe-path PATH");
  return createResource(invocation, UpstreamKind, { pipe: { path, ...serviceSpec(values["service-spec-type"]) } });
}

/** `epoxy create upstreamgroup` */
export async function createUpstreamGroup(invocation: Invocation<typeof upstreamGroupOptions>): Promise<undefined> {
  const option = "--weighted-upstreams";
  const weights = Object.entries(keyValues(option, invocation.values["weighted-upstreams"]));
  if (weights.length === 0) throw new UsageError(`an upstream group needs upstreams: ${option} NAMESPACE.NAME=WEIGHT`);
  const destinations = weights.map(([key, weight]) => {
    const [, namespace, name] = /^([^.]+)\.(.+)$/.exec(key) ?? [];
    if (namespace === undefined || name === undefined || !/^\d{1,9}$/.test(weight)) {
      throw new UsageError(`option ${option} needs namespace.name=weight, found "${key}=${weight}"`);
    }
    return { destination: { upstream: { name, namespace } }, weight: Number(weight) };
  });
  return createResource(invocation, UpstreamGroupKind, { destinations });
}
