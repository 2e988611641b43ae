import {
  ClientResourceStatus,
  UpdateFailureState,
} from "../../../generated/envoy/envoy/admin/v3/config_dump_shared.ts";
import { Node } from "../../../generated/envoy/envoy/config/core/v3/base.ts";
import {
  ClientConfig,
  ClientConfig_GenericXdsConfig as ResourceStatus,
  type ClientStatusRequest,
  type ClientStatusResponse,
  ConfigStatus,
} from "../../../generated/envoy/envoy/service/status/v3/csds.ts";
import type { XdsCache } from "../cache/xds-cache.ts";
import type { Quarantine } from "../quarantine/quarantine.ts";
import type { QuarantinedContent, Refusal } from "../quarantine/refusal.ts";
import type { StreamState } from "../server/events.ts";
import type { TypeStreamState } from "../server/type-stream.ts";
import { matchesNode } from "./node-matcher.ts";

export interface ClientStatusSources {
  readonly cache: XdsCache;
  readonly quarantine: Quarantine;
  streams(): readonly StreamState[];
}

/**
 * Which resources each connected client has, as its server knows it (ClientStatusDiscoveryService): names, versions, statuses and why a
 * version was refused, but never content, since resources may hold secrets; Envoy's own `/config_dump` has it. Clients that opened
 * a stream per type are one.
 * @throws InvalidMatcher
 */
export function clientStatus(request: ClientStatusRequest, sources: ClientStatusSources): ClientStatusResponse {
  const { cache, quarantine, streams } = sources;
  const refused = Map.groupBy(
    quarantine.list().flatMap(({ servedAs, ...content }) => servedAs.map((key) => ({ ...content, servedAs, key }))),
    ({ key, typeUrl }) => `${key} ${typeUrl}`,
  );
  const clients = new Map<string, { readonly stream: StreamState; readonly resources: ResourceStatus[] }>();
  for (const stream of streams()) {
    const { node, key } = stream;
    if (node === undefined || key === undefined || !matchesNode(request.nodeMatchers, node)) continue;
    const id = JSON.stringify([key, node.id]);
    const client = clients.get(id) ?? { stream, resources: [] };
    clients.set(id, client);
    const served = new Map(cache.dump(key).map(({ typeUrl, resources }) => [typeUrl, resources]));
    for (const type of stream.types) {
      const contents = refused.get(`${key} ${type.typeUrl}`) ?? [];
      client.resources.push(...statusesOf(type, served.get(type.typeUrl) ?? {}, refusalsOf(contents, node.id)));
    }
  }
  return {
    config: [...clients.values()].map(({ stream: { node, key }, resources }) => ({
      ...ClientConfig.fromPartial({ clientScope: key ?? "" }),
      node: { ...Node.fromPartial({ id: node?.id ?? "", cluster: node?.cluster ?? "" }), metadata: node?.metadata },
      genericXdsConfigs: resources,
    })),
  };
}

function statusesOf(
  type: TypeStreamState,
  served: Readonly<Record<string, string>>,
  refusals: ReadonlyMap<string, Refusal>,
): ResourceStatus[] {
  const given = new Map(type.quarantined.map((it) => [it.name, it.given]));
  const late = new Set([...type.unanswered, ...type.unsent]);
  const names = new Set([...(type.wildcard ? Object.keys(served) : []), ...type.names]);
  return [...names].map((name) => {
    const version = given.has(name) ? given.get(name) : served[name];
    const status = (config: ConfigStatus, client: ClientResourceStatus): ResourceStatus => ({
      ...ResourceStatus.fromPartial({ typeUrl: type.typeUrl, name, versionInfo: version ?? "" }),
      configStatus: config,
      clientStatus: client,
    });
    if (given.has(name)) {
      const refusal = refusals.get(name);
      return {
        ...status(ConfigStatus.ERROR, ClientResourceStatus.NACKED),
        errorState: {
          ...UpdateFailureState.fromPartial({
            details: refusal?.message ?? "kept from this client, since others refused it",
            versionInfo: served[name] ?? "",
          }),
          lastUpdateAttempt: refusal && timestamp(refusal.at),
        },
      };
    }
    if (type.sent === undefined) return status(ConfigStatus.NOT_SENT, ClientResourceStatus.REQUESTED);
    if (late.has(name)) return status(ConfigStatus.STALE, ClientResourceStatus.REQUESTED);
    if (version === undefined) return status(ConfigStatus.SYNCED, ClientResourceStatus.DOES_NOT_EXIST);
    return status(ConfigStatus.SYNCED, ClientResourceStatus.ACKED);
  });
}

/** This client's refusals by resource. */
function refusalsOf(contents: readonly QuarantinedContent[], node: string): ReadonlyMap<string, Refusal> {
  const own = contents.flatMap(({ refusals }) => refusals.filter((refusal) => refusal.node === node));
  return new Map(own.map((refusal) => [refusal.name, refusal]));
}

function timestamp(milliseconds: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds: BigInt(seconds), nanos: (milliseconds - seconds * 1000) * 1_000_000 };
}
