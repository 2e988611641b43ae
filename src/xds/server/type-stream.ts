import type { Subscription } from "../cache/subscription.ts";
import type { XdsResource } from "../cache/resource.ts";
import type { TypeQuarantine, TypeQuarantineOptions } from "../quarantine/type-quarantine.ts";
import type { TypeTraits } from "../type-urls.ts";
import type { CommonRequest, ErrorDetail } from "../wire.ts";
import type { Responses, XdsResponse } from "./responses.ts";

/** What a request said about an earlier response. */
export interface Settled {
  readonly response: XdsResponse;
  /** Present: refused. Absent: accepted. */
  readonly errorDetail: ErrorDetail | undefined;
}

/** What must wait for other types of the same stream. Answers to requests never wait. */
export interface Gates {
  /** Changes wait: what they rely on isn't accepted yet. */
  readonly holdChanges: boolean;
  /** Removals wait: what relies on them may not have gone yet. */
  readonly holdRemovals: boolean;
}

/** A response to send, and what the stream must know of it. */
export interface Outgoing {
  readonly response: XdsResponse;
  /** The resources whose content is news to this client. */
  changed(): readonly XdsResource[];
}

/** One type on one stream, for `describe`. */
export interface TypeStreamState {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  readonly names: readonly string[];
  /** Version of the newest response sent; per type, a debugging aid in delta. */
  readonly sent: string | undefined;
  readonly acked: string | undefined;
  /** The last response, if it was refused. */
  readonly nacked: { readonly version: string; readonly error: ErrorDetail } | undefined;
  /** Responses not answered yet. */
  readonly outstanding: number;
  /** Names of resources in these. */
  readonly unanswered: readonly string[];
  /** Names of what has changed since, and wasn't sent yet. */
  readonly unsent: readonly string[];
  /** Removed from the cache, but still there for this client until what uses it has gone. */
  readonly held: readonly string[];
  /** What this client isn't given as it is served, since it or others refuse that, and the version that it is given; undefined: none. */
  readonly quarantined: readonly { readonly name: string; readonly given: string | undefined }[];
}

/**
 * The protocol's state machine for one type on one stream: requests and cache changes go in, responses come out. It does no I/O and knows no
 * clock. `sotw.ts` and `delta.ts` are its two kinds.
 */
export interface TypeStream<Request extends CommonRequest> {
  readonly traits: TypeTraits;
  /** Takes a request in. Returns what it settles, if it answers a response. */
  receive(request: Request): Settled | undefined;
  /** The next response to send, if there is one to send now. What is returned counts as sent. */
  next(gates: Gates): Outgoing | undefined;
  /** Has the resource sent again if this client is subscribed to it. */
  resend(name: string): void;
  /** Number of names subscribed to, or said to be there already. */
  readonly subscriptions: number;
  /** Whether the client has asked for something and wasn't answered yet. */
  readonly asked: boolean;
  /** Whether there are changes that weren't sent yet. */
  readonly pending: boolean;
  /** Responses not answered yet. */
  readonly outstanding: number;
  /** Whether the client lacks something that it or others refused, and so still uses what it had. */
  readonly refused: boolean;
  /** The log's newest change. */
  readonly head: number;
  /** Whether changes up to this one have resources that the client didn't have, and that are unsent or unanswered. */
  adding(through: number): boolean;
  /** When a lifetime has to be prolonged, by `performance.now()`; undefined: never. */
  readonly wakeAt: number | undefined;
  /** Whether the client began with what it had from an earlier stream, and so may do the same for other types. */
  readonly resuming: boolean;
  describe(): TypeStreamState;
  close(): void;
}

export interface TypeStreamOptions {
  readonly traits: TypeTraits;
  readonly subscription: Subscription;
  readonly responses: Responses;
  /** Whether the client understands that a resource lives for a time only. */
  readonly lifetimes: boolean;
  /** Makes the quarantine. The arguments are those of `TypeQuarantineOptions`. */
  quarantine(settled: TypeQuarantineOptions["settled"], stillHas?: TypeQuarantineOptions["stillHas"]): TypeQuarantine;
}

/** One of the two kinds of stream. */
export interface Protocol<Request extends CommonRequest> {
  readonly mode: "sotw" | "delta";
  /** Throws TooManyNames, or something else if the bytes are no request. */
  decode(bytes: Uint8Array, maxNames: number): Request;
  createTypeStream(options: TypeStreamOptions): TypeStream<Request>;
}
