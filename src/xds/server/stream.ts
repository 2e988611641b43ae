import type { XdsCache } from "../cache/xds-cache.ts";
import type { Quarantine } from "../quarantine/quarantine.ts";
import { createTypeQuarantine } from "../quarantine/type-quarantine.ts";
import { typeTraits } from "../type-urls.ts";
import { type CommonRequest, TooManyNames, type XdsNode } from "../wire.ts";
import type { ResponseEvent, StreamInfo, StreamState, XdsEvents } from "./events.ts";
import type { Responses, XdsResponse } from "./responses.ts";
import type { Outgoing, Protocol, TypeStream } from "./type-stream.ts";
import { weigh } from "./weigh.ts";

/** The request breaks the protocol; the stream ends with InvalidArgument and this text. */
export class InvalidRequest extends Error {
  override readonly name = "InvalidRequest";
}

/** The client asks for more than one client may; the stream ends with ResourceExhausted and this text. */
export class LimitExceeded extends Error {
  override readonly name = "LimitExceeded";
}

export interface StreamOptions<Request extends CommonRequest> {
  readonly id: number;
  readonly peer: string;
  readonly protocol: Protocol<Request>;
  readonly cache: XdsCache;
  readonly responses: Responses;
  readonly quarantine: Quarantine;
  readonly events: Required<XdsEvents>;
  /** The type of a stream of a service for one type; undefined on an aggregated stream. */
  readonly onlyType: string | undefined;
  keyOf(node: XdsNode): string;
  /** Most names that the client may subscribe to, over all types. */
  readonly maxSubscriptions: number;
  /** Milliseconds that other types wait for an answer to a response they rely on. */
  readonly ackTimeoutMs: number;
  /** A client that resumes asks for all its types at once: so many milliseconds nothing is removed that one of them may still use. */
  readonly resumeGraceMs: number;
  /** Sends; false says that the client is slow and that `drained` will follow. */
  write(body: Buffer): boolean;
  /** The cache has news; the owner calls `flush` when it is time. */
  wake(): void;
  /** Whether that news waits to be sent with what may follow: until then the client is only sent what it asks for. */
  waits(): boolean;
}

/** A response without an answer. */
interface Unanswered {
  readonly typeUrl: string;
  readonly sentAt: number;
}

/** One client's stream: its types, the order among them, and what may be sent now. */
export interface XdsStream {
  readonly info: StreamInfo;
  /** Takes a request and answers it. Throws InvalidRequest. */
  receive(bytes: Uint8Array): void;
  /** Sends what there is to send. */
  flush(): void;
  /** About so many bytes of what the client sent are remembered. */
  readonly retainedBytes: number;
  /** The response that has waited longest for an answer; `sentAt` by `performance.now()`. */
  readonly oldestUnanswered: Unanswered | undefined;
  /** The client has read what was written. */
  drained(): void;
  describe(): StreamState;
  close(): void;
}

/** Envoy has a dozen types; extensions may bring more. */
const MAX_TYPES = 64;

/** Longer ones serve no people; they are in logs and metrics. */
const MAX_NODE_ID = 1024;
/** Types are counted by name, also when the stream has ended. */
const MAX_TYPE_URL = 1024;
/** Of a type, in an error. */
const MAX_QUOTED = 200;
/** What a name takes beside its text: its places in maps. */
const NAME_BYTES = 150;
/** Names that were added and removed again are counted until so many bytes came in. */
const RECOUNT_BYTES = 1024 * 1024;

/** Removals may wait this many times as long for an answer as changes do: late removals harm nobody, early ones cost requests. */
const REMOVAL_PATIENCE = 6;

export function createStream<Request extends CommonRequest>(options: StreamOptions<Request>): XdsStream {
  const { protocol, cache, responses, events } = options;
  const info: { -readonly [K in keyof StreamInfo]: StreamInfo[K] } = {
    id: options.id,
    mode: protocol.mode,
    peer: options.peer,
    node: undefined,
    key: undefined,
    openedAt: Date.now(),
  };
  const openedAt = performance.now();
  /** In the order in which they are sent. */
  let types: TypeStream<Request>[] = [];
  /** By nonce, the oldest first. */
  const unanswered = new Map<string, Unanswered>();
  /** Names to be resent of types that the client hasn't asked for yet. */
  const resendLater = new Map<string, Set<string>>();
  /** What changes wait for: the additions among the changes up to here, of each type. */
  let awaited: { readonly heads: ReadonlyMap<TypeStream<Request>, number>; readonly until: number } | undefined;
  /** While what uses others has changes on the way: until when removals wait for that. */
  let busyUntil: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  /** When it goes off, by `performance.now()`. */
  let timerAt = Number.POSITIVE_INFINITY;
  let retained = 0;
  let receivedSinceCount = 0;
  let nodeBytes = 0;
  /** Names, over all types. */
  let subscriptions = 0;
  let blocked = false;
  let closed = false;

  /** Of the types, those that use others, and those that others need. */
  let uses: TypeStream<Request>[] = [];
  let needed: TypeStream<Request>[] = [];

  function find(typeUrl: string): TypeStream<Request> | undefined {
    return types.find((it) => it.traits.typeUrl === typeUrl);
  }

  function typeOf(request: Request): string {
    const { onlyType } = options;
    if (onlyType !== undefined && request.typeUrl !== "" && request.typeUrl !== onlyType) {
      throw new InvalidRequest(
        `type_url is ${request.typeUrl.slice(0, MAX_QUOTED)}, but this service serves ${onlyType} only`,
      );
    }
    const typeUrl = onlyType ?? request.typeUrl;
    if (typeUrl === "") throw new InvalidRequest("type_url is missing; on an aggregated stream each request needs one");
    if (typeUrl.length > MAX_TYPE_URL) throw new InvalidRequest(`type_url is longer than ${MAX_TYPE_URL} characters`);
    return typeUrl;
  }

  function open(typeUrl: string, key: string): TypeStream<Request> {
    if (types.length >= MAX_TYPES) throw new LimitExceeded(`more than ${MAX_TYPES} types on one stream`);
    const subscription = cache.subscribe(key, typeUrl, () => options.wake());
    const opened = protocol.createTypeStream({
      traits: typeTraits(typeUrl),
      subscription,
      responses,
      lifetimes: understandsLifetimes(info.node, protocol.mode),
      quarantine: (settled, stillHas) =>
        createTypeQuarantine({
          quarantine: options.quarantine,
          subscription,
          key,
          typeUrl,
          node: info.node?.id ?? "",
          nodeVersion: info.node?.userAgentVersion ?? "",
          settled,
          stillHas,
          wake: () => options.wake(),
        }),
    });
    types = [...types, opened].sort((a, b) => a.traits.rank - b.traits.rank);
    uses = types.filter(({ traits }) => traits.order === "uses");
    needed = types.filter(({ traits }) => traits.order === "needed");
    return opened;
  }

  function eventOf(response: XdsResponse): ResponseEvent {
    const { typeUrl, version, resources, removed } = response;
    if (info.node === undefined || info.key === undefined)
      throw new Error("a response was sent before the first request");
    return { stream: info, node: info.node, key: info.key, typeUrl, version, resources, removed };
  }

  function send(outgoing: Outgoing, from: TypeStream<Request>): void {
    const { response } = outgoing;
    events.onSend(eventOf(response), response.body.length);
    unanswered.set(response.nonce, { typeUrl: response.typeUrl, sentAt: performance.now() });
    if (!options.write(response.body)) blocked = true;
    if (types.length === 1 && !from.resuming) return;
    for (const { resendWith } of outgoing.changed()) {
      for (const { typeUrl, name } of resendWith) {
        const child = find(typeUrl);
        if (child !== undefined) child.resend(name);
        else if (from.resuming) {
          const names = resendLater.get(typeUrl) ?? new Set();
          resendLater.set(typeUrl, names.add(name));
        }
      }
    }
  }

  /**
   * Changes of what uses others wait until the additions made before them are answered: Envoy acknowledges a cluster once
   * it is warm. They don't wait for later additions, or a busy system would hold them for ever.
   */
  function holdChanges(): boolean {
    if (!uses.some((it) => it.pending)) {
      awaited = undefined;
      return false;
    }
    awaited ??= {
      heads: new Map(needed.map((it) => [it, it.head])),
      until: performance.now() + options.ackTimeoutMs,
    };
    const { heads, until } = awaited;
    return until > performance.now() && needed.some((it) => it.adding(heads.get(it) ?? 0));
  }

  /** Removals of what others use wait until these have taken their changes. */
  function holdRemovals(): boolean {
    const now = performance.now();
    if (!uses.some((it) => it.pending || it.outstanding > 0)) busyUntil = undefined;
    else busyUntil ??= now + REMOVAL_PATIENCE * options.ackTimeoutMs;
    const resuming = options.onlyType === undefined && needed.some((it) => it.resuming);
    return (
      (busyUntil ?? 0) > now ||
      (resuming && openedAt + options.resumeGraceMs > now) ||
      // What was refused never replaced what the client uses: there is no end to this wait but a response that is accepted.
      uses.some((it) => it.refused)
    );
  }

  /** One turn over the types, in order. Returns whether another one may have more to send. */
  function turn(): boolean {
    let sent = false;
    let held = false;
    // What has begun is finished: what waits for an answer is sent when that has come. Patience with answers begins when the wait has ended.
    const waits = awaited === undefined && options.waits();
    if (waits && !uses.some((it) => it.outstanding > 0)) busyUntil = undefined;
    // An answer is of what there is now, so what it may lead to goes ahead of it.
    const leads = waits && uses.some((it) => it.asked) && needed.some((it) => it.adding(it.head));
    for (const type of types) {
      if (blocked) return false;
      const { order } = type.traits;
      const gates = {
        holdChanges: order === "needed" ? waits && !leads : waits || (order === "uses" && holdChanges()),
        holdRemovals: order === "needed" && (waits || holdRemovals()),
      };
      held ||= !waits && gates.holdRemovals;
      const outgoing = type.next(gates);
      if (outgoing === undefined) continue;
      send(outgoing, type);
      sent = true;
    }
    // Changes that removals waited for may have turned out to be none.
    return sent || (held && !holdRemovals());
  }

  function flush(): void {
    if (closed) return;
    // Again, since a later type's turn can lift what held an earlier one.
    for (let more = true; more; ) more = turn();
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    const wakeAt = (end: number | undefined): void => {
      if (end !== undefined && end > now && end < next) next = end;
    };
    wakeAt(awaited?.until);
    wakeAt(busyUntil);
    for (const type of types) {
      wakeAt(type.wakeAt);
      if (type.resuming) wakeAt(openedAt + options.resumeGraceMs);
    }
    // One that comes too early finds nothing to do, and costs less than a new one for each answer.
    if (next >= timerAt) return;
    clearTimeout(timer);
    timerAt = next;
    timer = setTimeout(wakeUp, Math.ceil(next - now) + 1).unref();
  }

  function wakeUp(): void {
    timerAt = Number.POSITIVE_INFINITY;
    flush();
  }

  function tooManyNames(): LimitExceeded {
    return new LimitExceeded(`more than ${options.maxSubscriptions} resources are named on one stream`);
  }

  function recount(): void {
    receivedSinceCount = 0;
    retained = nodeBytes;
    for (const type of types) {
      const { names, nacked, typeUrl } = type.describe();
      retained += typeUrl.length + (nacked?.error.message.length ?? 0);
      for (const name of names) retained += name.length;
    }
  }

  return {
    info,
    receive(bytes) {
      if (closed) return;
      let request: Request;
      try {
        request = protocol.decode(bytes, options.maxSubscriptions);
      } catch (error) {
        if (error instanceof TooManyNames) throw tooManyNames();
        throw new InvalidRequest(
          `the request is no discovery request: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
      if (info.node === undefined) {
        if (request.node === undefined)
          throw new InvalidRequest("node is missing from the first request of the stream");
        if (request.node.id.length > MAX_NODE_ID)
          throw new InvalidRequest(`node.id is longer than ${MAX_NODE_ID} characters`);
        info.node = request.node;
        nodeBytes = weigh(info.node);
        retained = nodeBytes;
      }
      receivedSinceCount += bytes.length;
      const key = (info.key ??= options.keyOf(info.node));
      const typeUrl = typeOf(request);
      events.onRequest(info, typeUrl);
      const type = find(typeUrl) ?? open(typeUrl, key);
      const settled = type.receive(request);
      if (receivedSinceCount > RECOUNT_BYTES) recount();
      subscriptions = types.reduce((sum, it) => sum + it.subscriptions, 0);
      if (subscriptions > options.maxSubscriptions) {
        throw tooManyNames();
      }
      for (const name of resendLater.get(typeUrl) ?? []) type.resend(name);
      resendLater.delete(typeUrl);
      if (settled !== undefined) {
        unanswered.delete(settled.response.nonce);
        const event = eventOf(settled.response);
        if (settled.errorDetail === undefined) events.onAck(event);
        else events.onNack({ ...event, errorDetail: settled.errorDetail });
      }
      flush();
    },
    flush,
    get retainedBytes() {
      return retained + receivedSinceCount + subscriptions * NAME_BYTES;
    },
    get oldestUnanswered() {
      const [oldest] = unanswered.values();
      return oldest;
    },
    drained() {
      blocked = false;
      flush();
    },
    describe() {
      const now = performance.now();
      const oldest = new Map<string, number>();
      for (const { typeUrl, sentAt } of unanswered.values())
        if (!oldest.has(typeUrl)) oldest.set(typeUrl, now - sentAt);
      return {
        ...info,
        types: types.map((it) => ({ ...it.describe(), lagMs: Math.round(oldest.get(it.traits.typeUrl) ?? 0) })),
        blocked,
      };
    },
    close() {
      if (closed) return;
      closed = true;
      clearTimeout(timer);
      for (const type of types) type.close();
    },
  };
}

/**
 * State of the world has no place for a lifetime but in a wrapper, which is a feature of its own. Envoy understands both since 1.17,
 * and doesn't say so.
 */
function understandsLifetimes(node: XdsNode | undefined, mode: "sotw" | "delta"): boolean {
  if (node?.userAgentName === "envoy") return true;
  const features = node?.clientFeatures ?? [];
  const wrapped = mode === "delta" || features.includes("xds.config.supports-resource-in-sotw");
  return wrapped && features.includes("xds.config.supports-resource-ttl");
}
