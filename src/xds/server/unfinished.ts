import type { Socket } from "node:net";

export interface UnfinishedOptions {
  /** Bytes of unfinished messages, over all connections. */
  readonly limit: number;
  connections(): Iterable<readonly [address: string, socket: Socket]>;
  cut(address: string, bytes: number): void;
  readonly intervalMs?: number | undefined;
}

/** Keeps the memory that half-sent messages take within a limit: a message isn't seen before its last byte, and may be long. */
export interface Unfinished {
  /** A message was complete. */
  delivered(address: string, bytes: number): void;
  closed(address: string): void;
  close(): void;
}

interface Delivered {
  bytes: number;
  messages: number;
  readonly since: number;
}

const INTERVAL_MS = 100;

/** What goes with messages: HTTP/2's frames and window updates, TLS' records, pings. Rather too much than too little. */
function overhead({ messages, since }: Delivered, written: number, now: number): number {
  return 64 * 1024 + 100 * messages + written / 100 + (64 * (now - since)) / 1000;
}

export function limitUnfinished({ limit, connections, cut, intervalMs }: UnfinishedOptions): Unfinished {
  const delivered = new Map<string, Delivered>();

  function look(): void {
    const now = performance.now();
    let total = 0;
    const unfinished: (readonly [address: string, bytes: number])[] = [];
    for (const [address, socket] of connections()) {
      let known = delivered.get(address);
      if (known === undefined) delivered.set(address, (known = { bytes: 0, messages: 0, since: now }));
      const bytes = socket.bytesRead - known.bytes - overhead(known, socket.bytesWritten, now);
      if (bytes <= 0) continue;
      total += bytes;
      unfinished.push([address, bytes]);
    }
    if (total <= limit) return;
    // The largest first: a proxy's own message is a matter of moments, and small beside those of who means harm.
    for (const [address, bytes] of unfinished.sort((a, b) => b[1] - a[1])) {
      cut(address, Math.round(bytes));
      total -= bytes;
      if (total <= limit) return;
    }
  }

  const timer = setInterval(look, intervalMs ?? INTERVAL_MS).unref();
  return {
    delivered(address, bytes) {
      const known = delivered.get(address) ?? { bytes: 0, messages: 0, since: performance.now() };
      known.bytes += bytes;
      known.messages++;
      delivered.set(address, known);
    },
    closed: (address) => void delivered.delete(address),
    close: () => clearInterval(timer),
  };
}
