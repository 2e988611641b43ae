import { Node } from "../../../generated/envoy/envoy/config/core/v3/base.ts";
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
  Resource,
} from "../../../generated/envoy/envoy/service/discovery/v3/discovery.ts";
import { Status } from "../../../generated/envoy/google/rpc/status.ts";
import { resourceFromBytes, type XdsResource, type XdsResourceOptions } from "../../../src/xds/index.ts";

/** A request in either form; what the form lacks is ignored. */
export interface Ask {
  readonly typeUrl?: string;
  readonly node?:
    | {
        readonly id: string;
        readonly metadata?: Record<string, unknown>;
        readonly features?: readonly string[];
        /** Of Envoy. */
        readonly version?: string;
      }
    | undefined;
  readonly nonce?: string;
  /** Refuses. */
  readonly error?: string;
  readonly names?: readonly string[];
  readonly version?: string;
  readonly subscribe?: readonly string[];
  readonly unsubscribe?: readonly string[];
  readonly initial?: Record<string, string>;
}

/** A response in either form, resources by name with their content. */
export interface Answer {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  readonly controlPlane: string | undefined;
  readonly resources: Record<string, string>;
  readonly versions: Record<string, string>;
  readonly removed: readonly string[];
  /** Lifetimes in seconds. */
  readonly ttls: Record<string, number>;
  /** Resources without a body, each with the aliases that it answers. */
  readonly bare: Record<string, readonly string[]>;
}

/** Encoded by generated code, so that a fault in the server's own reader can't hide behind an equal one here. */
export function encodeAsk(mode: "sotw" | "delta", ask: Ask): Buffer {
  const common = {
    typeUrl: ask.typeUrl ?? "",
    responseNonce: ask.nonce ?? "",
    node: ask.node && {
      ...Node.fromPartial({ id: ask.node.id }),
      ...(ask.node.version !== undefined && {
        userAgentName: "envoy",
        userAgentVersionType: { $case: "userAgentVersion" as const, value: ask.node.version },
      }),
      clientFeatures: ask.node.features ?? [],
      metadata: ask.node.metadata,
    },
    errorDetail: ask.error === undefined ? undefined : Status.fromPartial({ code: 13, message: ask.error }),
  };
  if (mode === "sotw") {
    const request = { ...common, versionInfo: ask.version ?? "", resourceNames: [...(ask.names ?? [])] };
    return Buffer.from(DiscoveryRequest.encode({ ...DiscoveryRequest.fromPartial({}), ...request }).finish());
  }
  const request = {
    ...common,
    resourceNamesSubscribe: [...(ask.subscribe ?? [])],
    resourceNamesUnsubscribe: [...(ask.unsubscribe ?? [])],
    initialResourceVersions: ask.initial ?? {},
  };
  return Buffer.from(DeltaDiscoveryRequest.encode({ ...DeltaDiscoveryRequest.fromPartial({}), ...request }).finish());
}

export function decodeAnswer(mode: "sotw" | "delta", bytes: Uint8Array): Answer {
  if (mode === "sotw") {
    const response = DiscoveryResponse.decode(bytes);
    const wrapped = response.resources.map(({ typeUrl, value }) =>
      typeUrl.endsWith(".Resource") ? Resource.decode(value) : Resource.fromPartial({ resource: { typeUrl, value } }),
    );
    const contents = wrapped.flatMap(({ resource: any }) => (any ? Buffer.from(any.value).toString() : []));
    return {
      typeUrl: response.typeUrl,
      nonce: response.nonce,
      version: response.versionInfo,
      controlPlane: response.controlPlane?.identifier,
      resources: unique(contents.map((content) => [content.split("=")[0] ?? "", content])),
      versions: {},
      removed: [],
      ...lifetimes(wrapped),
    };
  }
  const response = DeltaDiscoveryResponse.decode(bytes);
  return {
    typeUrl: response.typeUrl,
    nonce: response.nonce,
    version: response.systemVersionInfo,
    controlPlane: response.controlPlane?.identifier,
    resources: unique(
      response.resources.flatMap((it) => (it.resource ? [[it.name, Buffer.from(it.resource.value).toString()]] : [])),
    ),
    versions: unique(response.resources.map((it) => [it.name, it.version])),
    removed: response.removedResources,
    ...lifetimes(response.resources),
  };
}

function lifetimes(resources: readonly Resource[]): Pick<Answer, "ttls" | "bare"> {
  const lasting = resources.flatMap(({ name, ttl }) =>
    ttl ? [[name, Number(ttl.seconds) + ttl.nanos / 1e9] as const] : [],
  );
  const bare = resources.filter((it) => it.resource === undefined).map(({ name, aliases }) => [name, aliases] as const);
  return { ttls: Object.fromEntries(lasting), bare: Object.fromEntries(bare) };
}

/** A client refuses a response that has a name twice; so do these tests. */
function unique(entries: readonly (readonly [string, string])[]): Record<string, string> {
  const names = new Set(entries.map(([name]) => name));
  if (names.size !== entries.length)
    throw new Error(`a name twice in one response: ${entries.map(([name]) => name).join()}`);
  return Object.fromEntries(entries);
}

/** A resource whose content is `<name>=<value>`. */
export function resource(typeUrl: string, name: string, value = "1", options: XdsResourceOptions = {}): XdsResource {
  return resourceFromBytes(typeUrl, name, Buffer.from(`${name}=${value}`), options);
}

/** The resources `{a: "1"}` means `a=1`. */
export function resources(typeUrl: string, values: Record<string, string>): XdsResource[] {
  return Object.entries(values).map(([name, value]) => resource(typeUrl, name, value));
}
