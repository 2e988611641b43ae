import { hash, randomBytes } from "node:crypto";
import type { XdsResource } from "../cache/resource.ts";
import type { TypeLog } from "../cache/type-log.ts";
import type { BareResource } from "../resource-headers.ts";
import { encodeDeltaResponse, encodeSotwResponse } from "../wire.ts";

/** An encoded response. One is sent to all streams that are to be told the same. */
export interface XdsResponse {
  readonly typeUrl: string;
  readonly version: string;
  /** Unique among the responses of one process, and so within each stream. */
  readonly nonce: string;
  /** Counts up with each response made. */
  readonly serial: number;
  readonly resources: readonly XdsResource[];
  readonly removed: readonly string[];
  readonly bare?: readonly BareResource[] | undefined;
  readonly body: Buffer;
}

export interface ResponseContent {
  readonly version: string;
  readonly resources: readonly XdsResource[];
  /** Delta only. */
  readonly removed: readonly string[];
  /** Said to live on, or not to be there. */
  readonly bare?: readonly BareResource[] | undefined;
  /** State of the world only: the client understands resources with a lifetime. `key` has to tell it, too. */
  readonly lifetimes?: boolean | undefined;
}

/** Makes responses, and makes each only once for all streams that need it. */
export interface Responses {
  /**
   * `key` says which content `content` would give as of the log's head. A response whose serial isn't above `after`, the last one that this stream got of this type, isn't used: its nonce would be old.
   */
  make(log: TypeLog, key: string, after: number, content: () => ResponseContent): XdsResponse;
}

/** So many different responses are kept per type until its next change. */
const KEPT = 16;
/** Milliseconds for which nobody has asked for them after which they are given up: the first ones hold everything that there is. */
const KEPT_MS = 10_000;

interface Shelf {
  head: number;
  readonly byKey: Map<string, XdsResponse>;
  readonly end: NodeJS.Timeout;
}

export function createResponses(mode: "sotw" | "delta", controlPlane: string): Responses {
  const encode = mode === "sotw" ? encodeSotwResponse : encodeDeltaResponse;
  // A client may bring a nonce from before a restart: the prefix keeps it from meaning anything.
  const boot = randomBytes(4).toString("hex");
  const kept = new WeakMap<TypeLog, Shelf>();
  let serials = 0;

  function shelf(log: TypeLog): Map<string, XdsResponse> {
    let found = kept.get(log);
    if (found === undefined) {
      const byKey = new Map<string, XdsResponse>();
      found = { head: log.head, byKey, end: setTimeout(() => byKey.clear(), KEPT_MS).unref() };
      kept.set(log, found);
    } else if (found.head !== log.head) {
      found.head = log.head;
      found.byKey.clear();
    }
    found.end.refresh();
    return found.byKey;
  }

  return {
    make(log, key, after, content) {
      const byKey = shelf(log);
      const shared = byKey.get(key);
      if (shared !== undefined && shared.serial > after) return shared;
      const serial = ++serials;
      const nonce = `${boot}-${serial.toString(36)}`;
      const { typeUrl } = log;
      const made: ResponseContent = shared ?? content();
      const body = encode({ ...made, typeUrl, nonce, controlPlane });
      const response = { ...made, typeUrl, nonce, serial, body };
      const [oldest] = byKey.keys();
      if (byKey.size >= KEPT && oldest !== undefined) byKey.delete(oldest);
      byKey.set(key, response);
      return response;
    },
  };
}

/** A key for a list of resources, whose versions tell name and content, and of removed names: clients mostly ask for the same ones. */
export function contentKey(resources: readonly XdsResource[], removed: readonly string[]): string {
  const versions = resources.map(({ version }) => version).join("");
  return hash("sha256", `${versions}\0${JSON.stringify(removed)}`, "base64");
}
