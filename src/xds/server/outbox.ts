/** What was written to a client, and not taken by it yet. */
export interface Outbox {
  readonly bytes: number;
  /** When the oldest of it was written, by `performance.now()`; undefined: all is taken. */
  readonly since: number | undefined;
  /** False: enough for now; `onRoom` follows. */
  write(body: Buffer): boolean;
  /** Calls back once, when all is taken; at once if it is. */
  whenEmpty(run: () => void): void;
}

/** No further response is made while more than this is under way: what changes meanwhile goes as one, and a slow client costs no more. */
const HIGH_WATER = 1024 * 1024;

/** @param send calls back when the connection has taken the body */
export function createOutbox(send: (body: Buffer, taken: () => void) => void, onRoom: () => void): Outbox {
  const written: { readonly size: number; readonly at: number }[] = [];
  let waiting: (() => void)[] = [];
  let bytes = 0;
  let full = false;

  function taken(): void {
    bytes -= written.shift()?.size ?? 0;
    if (bytes <= HIGH_WATER && full) {
      full = false;
      onRoom();
    }
    if (written.length > 0) return;
    const runs = waiting;
    waiting = [];
    for (const run of runs) run();
  }

  return {
    get bytes() {
      return bytes;
    },
    get since() {
      return written[0]?.at;
    },
    write(body) {
      written.push({ size: body.length, at: performance.now() });
      bytes += body.length;
      send(body, taken);
      full = bytes > HIGH_WATER;
      return !full;
    },
    whenEmpty(run) {
      if (written.length === 0) run();
      else waiting.push(run);
    },
  };
}
