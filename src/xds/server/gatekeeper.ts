import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import type { Denial, XdsAuthorizer, XdsPeer } from "../security/authorizer.ts";
import { forgetHeaders, peerOf } from "../security/peer.ts";
import type { XdsSecurity } from "../security/security.ts";
import { decodeRequestNode, type XdsNode } from "../wire.ts";
import type { DenialEvent } from "./events.ts";

type Call = ServerDuplexStream<Buffer, Buffer>;

export interface GatekeeperOptions {
  readonly security: XdsSecurity;
  snapshotKey(node: XdsNode): string | undefined;
  onDenied(event: DenialEvent): void;
}

/** Lets in those streams whose clients may be served. */
export interface Gatekeeper {
  /** A stream opens. Undefined: it was turned away. */
  enter(call: Call, mode: "sotw" | "delta"): Entry | undefined;
}

/** One stream's. */
export interface Entry {
  /** Hands a message on, at once or, where the authorizer has to think about the first one, later, in order. Throws what `receive` throws. */
  take(bytes: Buffer, receive: (bytes: Buffer) => void): void;
  /** Asks again, and ends the stream if the answer is another one by now. */
  recheck(node: XdsNode | undefined): void;
}

/** gRPC's codes for denials. */
export const denialCodes = { unauthenticated: status.UNAUTHENTICATED, denied: status.PERMISSION_DENIED };

/** Ends a call with a status. */
export function endCall(call: Call, code: status, details: string): void {
  call.emit("error", { code, details });
}

export function createGatekeeper({ security, snapshotKey, onDenied }: GatekeeperOptions): Gatekeeper {
  function turnAway(call: Call, peer: XdsPeer, node: XdsNode | undefined, { code, reason }: Denial): void {
    const key = node && snapshotKey(node);
    onDenied({ peer: peer.address, node: node?.id, key, code, reason });
    endCall(call, denialCodes[code], reason);
  }

  /** Hands the answer on at once where it is there at once. */
  function ask(peer: XdsPeer, node: XdsNode, answer: (denial: Denial | undefined) => void): void {
    const failed = (error: unknown): void =>
      answer({
        code: "denied",
        reason: `the authorizer failed: ${error instanceof Error ? error.message : String(error)}`,
      });
    let denial: ReturnType<XdsAuthorizer["authorize"]>;
    try {
      denial = security.authorizer?.authorize(peer, node, snapshotKey(node));
    } catch (error) {
      return failed(error);
    }
    if (denial instanceof Promise) void denial.then(answer, failed);
    else answer(denial);
  }

  return {
    enter(call, mode) {
      const peer = peerOf(call);
      forgetHeaders(call);
      const stranger = security.authorizer?.authenticate?.(peer);
      if (stranger !== undefined) {
        turnAway(call, peer, undefined, stranger);
        return undefined;
      }
      let state: "new" | "asking" | "in" | "ended" = "new";
      const early: Buffer[] = [];

      /** Settles an answer; returns whether the stream goes on. */
      const settle = (node: XdsNode | undefined, denial: Denial | undefined): boolean => {
        if (state === "ended" || call.cancelled) return false;
        if (denial === undefined) return true;
        state = "ended";
        turnAway(call, peer, node, denial);
        return false;
      };

      return {
        take(bytes, receive) {
          if (state === "in") return receive(bytes);
          if (state === "ended") return;
          if (state === "asking") {
            early.push(bytes);
            return;
          }
          // What is made of a node may take many times its bytes: nobody keeps it that doesn't need it.
          if (security.authorizer === undefined) {
            state = "in";
            return receive(bytes);
          }
          const node = decodeRequestNode(mode, bytes);
          // Without a node it is no request, which the stream says.
          if (node === undefined) return receive(bytes);
          state = "asking";
          early.push(bytes);
          ask(peer, node, (denial) => {
            if (!settle(node, denial)) return;
            state = "in";
            for (const it of early.splice(0)) receive(it);
            call.resume();
          });
          if (state === "asking") call.pause();
        },
        recheck(node) {
          if (node !== undefined) ask(peer, node, (denial) => void settle(node, denial));
          else settle(undefined, security.authorizer?.authenticate?.(peer));
        },
      };
    },
  };
}
