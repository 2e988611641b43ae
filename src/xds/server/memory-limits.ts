import type { Socket } from "node:net";
import type { XdsLimits } from "./limits.ts";
import { limitRetained, type Retained } from "./retained.ts";
import { limitUnfinished, type Unfinished } from "./unfinished.ts";
import { limitUnread, type Unread } from "./unread.ts";

export interface MemoryLimitsOptions {
  readonly limits: XdsLimits;
  connections(): Iterable<readonly [peer: string, socket: Socket]>;
  cut(peer: string, bytes: number, reason: string): void;
}

/** Everything by which clients take memory. */
export interface MemoryLimits {
  readonly retained: Retained;
  readonly unread: Unread;
  readonly unfinished: Unfinished;
  /** A connection has ended. */
  closed(peer: string): void;
  close(): void;
}

export function limitMemory({ limits, connections, cut }: MemoryLimitsOptions): MemoryLimits {
  const unread = limitUnread({
    limit: limits.unreadBytes,
    cut: (peer, bytes) => cut(peer, bytes, "it leaves too much unread"),
  });
  const unfinished = limitUnfinished({
    limit: limits.unfinishedBytes,
    connections,
    cut: (peer, bytes) => cut(peer, bytes, "too much of unfinished requests is in memory"),
  });
  return {
    retained: limitRetained(limits.retainedBytes, limits.retainedBytesInAll),
    unread,
    unfinished,
    closed(peer) {
      unread.closed(peer);
      unfinished.closed(peer);
    },
    close() {
      unread.close();
      unfinished.close();
    },
  };
}
