import type { XdsCache } from "../cache/xds-cache.ts";
import type { Quarantine } from "../quarantine/quarantine.ts";
import { createCounters } from "../server/events.ts";
import type { Responses } from "../server/responses.ts";
import { sotw } from "../server/sotw.ts";
import { createStream, InvalidRequest, LimitExceeded } from "../server/stream.ts";
import type { Denial, XdsPeer } from "../security/authorizer.ts";
import type { XdsSecurity } from "../security/security.ts";
import { decodeRequestNode, decodeSotwRequest, type XdsNode } from "../wire.ts";
import type { Fetched } from "./rest-server.ts";

export interface FetchOnceOptions {
  readonly cache: XdsCache;
  readonly responses: Responses;
  readonly quarantine: Quarantine;
  readonly maxSubscriptions: number;
  readonly security: XdsSecurity;
  snapshotKey(node: XdsNode): string | undefined;
  keyOf(node: XdsNode): string;
}

/** Shared by all polls: none of them is a stream that one could find. */
const POLL = 0;
/** Nobody is told: a poll's response isn't answered, which would be taken for a slow proxy. */
const unheard = createCounters({}).events;

/**
 * Answers one request for one type (REST polling): by a state-of-the-world stream that lives as long as the request, so that a poll is
 * told what a stream would be, quarantine included. Nothing written means that the client has it.
 */
export async function fetchOnce(
  options: FetchOnceOptions,
  typeUrl: string,
  request: Uint8Array,
  peer: XdsPeer,
): Promise<Fetched> {
  const denial = await denialOf(options, request, peer);
  if (denial !== undefined) return { kind: denial.code, reason: denial.reason };
  let body: Buffer | undefined;
  let version = "";
  const stream = createStream({
    ...options,
    id: POLL,
    peer: peer.address,
    protocol: sotw,
    onlyType: typeUrl,
    events: {
      ...unheard,
      onSend(event) {
        version = event.version;
      },
    },
    ackTimeoutMs: 0,
    resumeGraceMs: 0,
    write(bytes) {
      body ??= bytes;
      return true;
    },
    wake() {},
    waits: () => false,
  });
  try {
    const { versionInfo } = decodeSotwRequest(request);
    stream.receive(request);
    const key = stream.info.key ?? "";
    if (!options.cache.ready(key, typeUrl)) return { kind: "unready" };
    // Endpoints are always told on a stream, where a cluster may wait for them.
    return body === undefined || version === versionInfo ? { kind: "current" } : { kind: "response", body };
  } catch (error) {
    if (error instanceof InvalidRequest || error instanceof LimitExceeded) {
      return { kind: "invalid", reason: error.message };
    }
    throw error;
  } finally {
    stream.close();
  }
}

/** What a stream would be told that brings this request first. */
async function denialOf(
  { security: { authorizer }, snapshotKey }: FetchOnceOptions,
  request: Uint8Array,
  peer: XdsPeer,
): Promise<Denial | undefined> {
  const stranger = authorizer?.authenticate?.(peer);
  const node = decodeRequestNode("sotw", request);
  if (stranger !== undefined || authorizer === undefined || node === undefined) return stranger;
  try {
    return await authorizer.authorize(peer, node, snapshotKey(node));
  } catch (error) {
    const reason = `the authorizer failed: ${error instanceof Error ? error.message : String(error)}`;
    return { code: "denied", reason };
  }
}
