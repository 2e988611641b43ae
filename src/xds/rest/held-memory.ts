import type { Socket } from "node:net";

/** Keeps within a limit what requests hold in memory: bodies that haven't come whole, answers that aren't read. */
export interface HeldMemory {
  /** The connection holds so many bytes by `what`, which others may hold as well. */
  hold(what: object, bytes: number, socket: Socket): void;
  release(what: object, socket: Socket): void;
}

/** What is held longest is given up first: an honest client's request is a matter of moments. */
export function limitHeldMemory(limit: number): HeldMemory {
  const held = new Map<object, { bytes: number; readonly sockets: Set<Socket> }>();
  let total = 0;

  function drop(what: object): void {
    total -= held.get(what)?.bytes ?? 0;
    held.delete(what);
  }

  return {
    hold(what, bytes, socket) {
      const entry = held.get(what) ?? { bytes: 0, sockets: new Set() };
      held.set(what, entry);
      total += bytes - entry.bytes;
      entry.bytes = bytes;
      entry.sockets.add(socket);
      for (const [oldest, { sockets }] of held) {
        if (total <= limit) return;
        drop(oldest);
        for (const it of sockets) it.destroy();
      }
    },
    release(what, socket) {
      const entry = held.get(what);
      entry?.sockets.delete(socket);
      if (entry?.sockets.size === 0) drop(what);
    },
  };
}
