import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import type { MemoryLimits } from "./memory-limits.ts";
import { createOutbox, type Outbox } from "./outbox.ts";

export type SideCall = ServerDuplexStream<Buffer, Buffer>;

/** Why a call ends early. */
export interface Refusal {
  readonly code: status;
  readonly details: string;
}

export type Answer = { readonly body: Buffer } | Refusal;

export interface SideCallsOptions {
  readonly memory: MemoryLimits;
  /** Most calls at once. */
  readonly maxCalls: number;
}

/** Calls of the services beside discovery, kept to limits as the streams of discovery are. */
export interface SideCalls {
  /**
   * Handles what comes on a call, one message after the other: the next one is read when the answer has been taken, so that a client that
   * doesn't read has one answer in memory. What isn't answered well ends the call, and so does a limit that is reached.
   */
  serve(call: SideCall, handle: (bytes: Buffer) => Promise<Answer | undefined>): void;
  /** Whether the call goes on. */
  has(call: SideCall): boolean;
  /** Ends all of them. */
  close(): void;
}

/** At once on one connection: an Envoy reports its load on one stream. */
const MAX_PER_CONNECTION = 100;
/** A call is for asking: one that doesn't is ended after so many ms. */
const FIRST_REQUEST_MS = 30_000;

export function createSideCalls({ memory, maxCalls }: SideCallsOptions): SideCalls {
  const open = new Map<SideCall, Outbox>();
  const byPeer = new Map<string, number>();

  function limitReached(peer: string): string | undefined {
    if (open.size >= maxCalls) return `${maxCalls} streams are open already`;
    if ((byPeer.get(peer) ?? 0) < MAX_PER_CONNECTION) return undefined;
    return `${MAX_PER_CONNECTION} streams beside discovery are open already on this connection`;
  }

  return {
    serve(call, handle) {
      const peer = call.getPeer();
      call.on("error", () => {});
      const reached = limitReached(peer);
      if (reached !== undefined) {
        call.emit("error", { code: status.RESOURCE_EXHAUSTED, details: reached });
        return;
      }
      const outbox = createOutbox(
        (body, taken) => call.write(body, taken),
        () => {},
      );
      open.set(call, outbox);
      byPeer.set(peer, (byPeer.get(peer) ?? 0) + 1);
      memory.unread.add(peer, outbox);
      const impatience = setTimeout(() => {
        call.emit("error", { code: status.DEADLINE_EXCEEDED, details: "no request came on this stream" });
      }, FIRST_REQUEST_MS).unref();
      const end = (): void => {
        if (!open.delete(call)) return;
        clearTimeout(impatience);
        const others = (byPeer.get(peer) ?? 1) - 1;
        if (others > 0) byPeer.set(peer, others);
        else byPeer.delete(peer);
        memory.retained.delete(call, peer);
        memory.unread.ended(peer, outbox);
      };
      for (const event of ["cancelled", "error", "close"]) call.on(event, end);
      let last = Promise.resolve();
      call.on("data", (bytes: Buffer) => {
        clearTimeout(impatience);
        memory.unfinished.delivered(peer, bytes.length);
        call.pause();
        last = last.then(async () => {
          if (!open.has(call)) return;
          const answer = await handle(bytes).catch(failed);
          if (!open.has(call)) return;
          if (answer !== undefined && "code" in answer) {
            call.emit("error", answer);
            return;
          }
          if (answer !== undefined) outbox.write(answer.body);
          await new Promise<void>((taken) => {
            call.once("close", taken);
            outbox.whenEmpty(() => {
              call.off("close", taken);
              taken();
            });
          });
          call.resume();
        });
      });
      call.on("end", () => {
        void last.then(() => {
          call.end();
          end();
        });
      });
    },
    has: (call) => open.has(call),
    close() {
      for (const call of open.keys()) {
        call.emit("error", { code: status.UNAVAILABLE, details: "the control plane is shutting down" });
      }
    },
  };
}

function failed(): Refusal {
  return { code: status.INTERNAL, details: "internal error" };
}
