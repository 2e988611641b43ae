import type { StreamInfo } from "./events.ts";
import type { Outbox } from "./outbox.ts";
import type { XdsStream } from "./stream.ts";

/** A client that lets its server wait. */
export interface SlowClientEvent {
  readonly stream: StreamInfo;
  /** For what: that it takes what was written, or that it answers it. */
  readonly waitingFor: "reading" | "answer";
  /** Of the response that has waited longest. */
  readonly typeUrl: string | undefined;
  readonly waitedMs: number;
  /** Written, and not taken. */
  readonly bytes: number;
  /** Whether it was given up. */
  readonly closed: boolean;
}

export interface SlowClientOptions {
  /** Told once, in ms. */
  readonly slowAfterMs: number;
  /** Given up, in ms. */
  readonly closeAfterMs: number;
  clients(): Iterable<{ readonly stream: XdsStream; readonly outbox: Outbox }>;
  onSlow(event: SlowClientEvent): void;
  /** Ends the stream; `reading`: its connection, since nothing else gets through. */
  giveUp(stream: XdsStream, event: SlowClientEvent): void;
}

/** Tells of clients that don't take or answer what they are sent, and gives them up in the end. Returns the way to end it. */
export function watchSlowClients(options: SlowClientOptions): () => void {
  const { slowAfterMs, closeAfterMs } = options;
  const told = new WeakSet<XdsStream>();

  function look(): void {
    const now = performance.now();
    for (const { stream, outbox } of options.clients()) {
      const unread = now - (outbox.since ?? now);
      const { oldestUnanswered } = stream;
      const unanswered = now - (oldestUnanswered?.sentAt ?? now);
      const waitedMs = Math.max(unread, unanswered);
      if (waitedMs < slowAfterMs) {
        told.delete(stream);
        continue;
      }
      const closed = waitedMs >= closeAfterMs;
      if (told.has(stream) && !closed) continue;
      told.add(stream);
      const waitingFor = unread >= slowAfterMs ? "reading" : "answer";
      const { typeUrl } = oldestUnanswered ?? { typeUrl: undefined };
      const event: SlowClientEvent = {
        stream: stream.info,
        waitingFor,
        typeUrl,
        waitedMs: Math.round(waitedMs),
        bytes: outbox.bytes,
        closed,
      };
      options.onSlow(event);
      if (closed) options.giveUp(stream, event);
    }
  }

  const timer = setInterval(look, Math.max(10, Math.min(1000, slowAfterMs / 2))).unref();
  return () => clearInterval(timer);
}
