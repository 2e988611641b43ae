import type { Outbox } from "./outbox.ts";

export interface UnreadOptions {
  /** Bytes that all clients together may leave unread. */
  readonly limit: number;
  cut(peer: string, bytes: number): void;
  readonly intervalMs?: number | undefined;
}

/**
 * Keeps the memory within a limit that answers take which nobody reads. Each stream has only one or two, but there may be many streams; and what a
 * stream leaves behind when it ends HTTP/2 keeps until the connection ends.
 */
export interface Unread {
  add(peer: string, outbox: Outbox): void;
  /** The stream has ended. */
  ended(peer: string, outbox: Outbox): void;
  /** The connection has ended: what was left is gone, and nobody will say that it was taken. */
  closed(peer: string): void;
  close(): void;
}

const INTERVAL_MS = 100;
/** A connection may leave so many bytes of ended streams unread, for so many ms. */
const MAX_LEFT_BYTES = 4 * 1024 * 1024;
const MAX_LEFT_MS = 10_000;

export function limitUnread({ limit, cut, intervalMs }: UnreadOptions): Unread {
  const byPeer = new Map<string, Set<Outbox>>();
  const left = new Map<Outbox, number>();

  function remove(peer: string, outbox: Outbox): void {
    left.delete(outbox);
    const outboxes = byPeer.get(peer);
    outboxes?.delete(outbox);
    if (outboxes?.size === 0) byPeer.delete(peer);
  }

  function look(): void {
    const expired = performance.now() - MAX_LEFT_MS;
    let total = 0;
    const unread: (readonly [peer: string, bytes: number])[] = [];
    for (const [peer, outboxes] of byPeer) {
      let bytes = 0;
      let late = false;
      for (const outbox of outboxes) {
        bytes += outbox.bytes;
        late ||= (left.get(outbox) ?? Number.POSITIVE_INFINITY) < expired;
      }
      if (late) cut(peer, bytes);
      else if (bytes > 0) unread.push([peer, bytes]);
      total += bytes;
    }
    if (total <= limit) return;
    for (const [peer, bytes] of unread.sort((a, b) => b[1] - a[1])) {
      cut(peer, bytes);
      total -= bytes;
      if (total <= limit) return;
    }
  }

  const timer = setInterval(look, intervalMs ?? INTERVAL_MS).unref();
  return {
    add(peer, outbox) {
      const outboxes = byPeer.get(peer);
      if (outboxes === undefined) byPeer.set(peer, new Set([outbox]));
      else outboxes.add(outbox);
    },
    ended(peer, outbox) {
      if (byPeer.get(peer)?.has(outbox) !== true) return;
      if (outbox.bytes === 0) return remove(peer, outbox);
      left.set(outbox, performance.now());
      outbox.whenEmpty(() => remove(peer, outbox));
      let bytes = 0;
      for (const it of byPeer.get(peer) ?? []) if (left.has(it)) bytes += it.bytes;
      if (bytes > MAX_LEFT_BYTES) cut(peer, bytes);
    },
    closed(peer) {
      for (const outbox of byPeer.get(peer) ?? []) left.delete(outbox);
      byPeer.delete(peer);
    },
    close: () => clearInterval(timer),
  };
}
