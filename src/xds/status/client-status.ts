import {
  ClientResourceStatus,
  UpdateFailureState,
} from "../../../generated/envoy/envoy/admin/v3/config_dump_shared.ts";
import { Node } from "../../../generated/envoy/envoy/config/core/v3/base.ts";
import {
  ClientConfig,
  ClientConfig_GenericXdsConfig as ResourceStatus,
  type ClientStatusRequest,
  ClientStatusResponse,
  ConfigStatus,
} from "../../../generated/envoy/envoy/service/status/v3/csds.ts";
import type { XdsCache } from "../cache/xds-cache.ts";
import type { Quarantine } from "../quarantine/quarantine.ts";
import type { QuarantinedContent, Refusal } from "../quarantine/refusal.ts";
import type { StreamState } from "../server/events.ts";
import type { TypeStreamState } from "../server/type-stream.ts";
import { createNodeMatcher } from "./node-matcher.ts";

export interface ClientStatusSources {
  readonly cache: XdsCache;
  readonly quarantine: Quarantine;
  streams(): readonly StreamState[];
}

/** More clients and resources than one answer may tell of; the text says what to do. */
export class TooManyStatuses extends Error {
  override readonly name = "TooManyStatuses";
}

/** Of one answer: some 400,000 resources. A fleet's may be many times that, and it is in memory whole. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * Which resources each connected client has, as its server knows it (ClientStatusDiscoveryService), as an encoded response: names, versions,
 * statuses and why a version was refused, but never content, since resources may hold secrets; Envoy's own `/config_dump` has it. Clients that
 * opened a stream per type are one.
 * @throws InvalidMatcher, TooManyStatuses
 */
export function clientStatus(request: ClientStatusRequest, sources: ClientStatusSources): Buffer {
  const { cache, quarantine, streams } = sources;
  const matches = createNodeMatcher(request.nodeMatchers);
  const refused = Map.groupBy(
    quarantine.list().flatMap(({ servedAs, ...content }) => servedAs.map((key) => ({ ...content, servedAs, key }))),
    ({ key, typeUrl }) => `${key} ${typeUrl}`,
  );
  const asked = streams().filter(({ node, key }) => node !== undefined && key !== undefined && matches(node));
  const clients = Map.groupBy(asked, ({ key, node }) => JSON.stringify([key, node?.id]));
  const served = memoize((key) => new Map(cache.dump(key).map(({ typeUrl, resources }) => [typeUrl, resources])));

  function resourcesOf(stream: StreamState): ResourceStatus[] {
    const { node, key = "" } = stream;
    return stream.types.flatMap((type) => {
      const contents = refused.get(`${key} ${type.typeUrl}`) ?? [];
      return statusesOf(type, served(key).get(type.typeUrl) ?? {}, refusalsOf(contents, node?.id ?? ""));
    });
  }

  // A client's are encoded before those of the next are made: the objects take many times the bytes.
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for (const own of clients.values()) {
    const { node, key } = own[0] ?? {};
    const config: ClientConfig = {
      ...ClientConfig.fromPartial({ clientScope: key ?? "" }),
      node: { ...Node.fromPartial({ id: node?.id ?? "", cluster: node?.cluster ?? "" }), metadata: node?.metadata },
      genericXdsConfigs: own.flatMap(resourcesOf),
    };
    const piece = ClientStatusResponse.encode({ config: [config] }).finish();
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > MAX_ANSWER_BYTES) {
      const told = `the statuses of ${pieces.length} of ${clients.size} clients take more than ${MAX_ANSWER_BYTES} bytes`;
      throw new TooManyStatuses(`${told}: ask for fewer by node_matchers`);
    }
  }
  return Buffer.concat(pieces);
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

function memoize<T>(make: (key: string) => T): (key: string) => T {
  const made = new Map<string, T>();
  return (key) => {
    const known = made.get(key) ?? make(key);
    made.set(key, known);
    return known;
  };
}

function timestamp(milliseconds: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds: BigInt(seconds), nanos: (milliseconds - seconds * 1000) * 1_000_000 };
}
