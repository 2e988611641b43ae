import type { XdsResource } from "../cache/resource.ts";
import type { LoadIncrement } from "../load/load-reports.ts";
import type { ErrorDetail, XdsNode } from "../wire.ts";
import type { SlowClientEvent } from "./slow-clients.ts";
import type { TypeStreamState } from "./type-stream.ts";

/** A client's stream, from open to close. */
export interface StreamInfo {
  /** Unique in this process. */
  readonly id: number;
  readonly mode: "sotw" | "delta";
  readonly peer: string;
  /** Undefined until the first request. */
  readonly node: XdsNode | undefined;
  /** Snapshot key; undefined until the first request. */
  readonly key: string | undefined;
  /** Milliseconds since the epoch. */
  readonly openedAt: number;
}

/** A stream and all it is subscribed to, for debugging. Names and versions only. */
export interface StreamState extends StreamInfo {
  readonly types: readonly (TypeStreamState & {
    /** For how many milliseconds the oldest unanswered response of the type has waited; 0: all are answered. */
    readonly lagMs: number;
  })[];
  /** The client reads slower than it is written to; it gets the latest state once it has caught up. */
  readonly blocked: boolean;
}

export interface ResponseEvent {
  readonly stream: StreamInfo;
  readonly node: XdsNode;
  readonly key: string;
  readonly typeUrl: string;
  /** Of the response: in delta, the version of all of the type. */
  readonly version: string;
  readonly resources: readonly XdsResource[];
  readonly removed: readonly string[];
}

export interface NackEvent extends ResponseEvent {
  readonly errorDetail: ErrorDetail;
}

/** A client was turned away. */
export interface DenialEvent {
  readonly peer: string;
  /** What it said of itself, if it got so far. */
  readonly node: string | undefined;
  readonly key: string | undefined;
  readonly code: "connection" | "unauthenticated" | "denied";
  readonly reason: string;
}

/** What happens on the streams. Handlers are called from within and must return soon; one that throws ends its stream. */
export interface XdsEvents {
  onStreamOpen?(stream: StreamInfo): void;
  onStreamClose?(stream: StreamInfo): void;
  onRequest?(stream: StreamInfo, typeUrl: string): void;
  onSend?(event: ResponseEvent, bytes: number): void;
  onAck?(event: ResponseEvent): void;
  onNack?(event: NackEvent): void;
  onDenied?(event: DenialEvent): void;
  onLoadReport?(increment: LoadIncrement): void;
  onSlow?(event: SlowClientEvent): void;
}

/** Counted since the start, but for `streams`, the number now open. */
export interface XdsMetrics {
  readonly streams: number;
  readonly streamsOpened: number;
  /** Connections and streams that were turned away. */
  readonly denied: number;
  /** Requests over REST. */
  readonly polls: number;
  /** Clients that have just begun and wait for their turn. */
  readonly waiting: number;
  readonly byType: ReadonlyMap<string, Readonly<TypeMetrics>>;
}

export interface TypeMetrics {
  requests: number;
  responses: number;
  resources: number;
  bytes: number;
  acks: number;
  nacks: number;
}

/** So many types are counted by themselves. */
const MAX_TYPES = 100;

/** Counts events, and passes them on. */
export function createCounters(
  listener: XdsEvents,
  waiting: () => number = () => 0,
): {
  readonly events: Required<XdsEvents>;
  readonly metrics: { -readonly [K in keyof XdsMetrics]: XdsMetrics[K] };
} {
  const byType = new Map<string, TypeMetrics>();
  const metrics = {
    streams: 0,
    streamsOpened: 0,
    denied: 0,
    polls: 0,
    get waiting() {
      return waiting();
    },
    byType,
  };
  const of = (asked: string): TypeMetrics => {
    // Clients may make up types without end.
    const typeUrl = byType.size < MAX_TYPES || byType.has(asked) ? asked : "other";
    let counts = byType.get(typeUrl);
    if (counts === undefined) {
      counts = { requests: 0, responses: 0, resources: 0, bytes: 0, acks: 0, nacks: 0 };
      byType.set(typeUrl, counts);
    }
    return counts;
  };
  return {
    metrics,
    events: {
      onStreamOpen(stream) {
        metrics.streams++;
        metrics.streamsOpened++;
        listener.onStreamOpen?.(stream);
      },
      onStreamClose(stream) {
        metrics.streams--;
        listener.onStreamClose?.(stream);
      },
      onRequest(stream, typeUrl) {
        of(typeUrl).requests++;
        listener.onRequest?.(stream, typeUrl);
      },
      onSend(event, bytes) {
        const counts = of(event.typeUrl);
        counts.responses++;
        counts.resources += event.resources.length;
        counts.bytes += bytes;
        listener.onSend?.(event, bytes);
      },
      onAck(event) {
        of(event.typeUrl).acks++;
        listener.onAck?.(event);
      },
      onNack(event) {
        of(event.typeUrl).nacks++;
        listener.onNack?.(event);
      },
      onDenied(event) {
        metrics.denied++;
        listener.onDenied?.(event);
      },
      onLoadReport: (increment) => listener.onLoadReport?.(increment),
      onSlow: (event) => listener.onSlow?.(event),
    },
  };
}
