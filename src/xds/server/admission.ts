import type { Outbox } from "./outbox.ts";

/** A stream that has just begun, as far as the admission has to know it. */
export interface Newcomer {
  /** Those of one host take turns with those of others. */
  readonly host: string;
  readonly outbox: Outbox;
}

/**
 * Lets only so many newcomers at a time have what they begin with: where a whole fleet reconnects at once, the answers to all of them would fill
 * memory, and keep the updates of established clients waiting.
 */
export interface Admission {
  /** Runs a newcomer's work when it is its turn; at once if nobody waits. Work of one newcomer runs in order. */
  run(newcomer: Newcomer, work: () => void): void;
  /** It is gone; what it waited for is dropped. */
  leave(newcomer: Newcomer): void;
  /** Newcomers that wait. */
  readonly waiting: number;
  close(): void;
}

export interface AdmissionOptions {
  /** So many have answers under way at once. */
  readonly concurrent: number;
  /** A client that doesn't take its answer gives up its place after so many ms. */
  readonly placeMs?: number | undefined;
}

const PLACE_MS = 250;
/** The event loop gets its turn after so many ms of answers to newcomers. */
const SLICE_MS = 4;

export function createAdmission({ concurrent, placeMs = PLACE_MS }: AdmissionOptions): Admission {
  /** By host, each first come, first served; the host whose turn is next is first. */
  const queues = new Map<string, Map<Newcomer, (() => void)[]>>();
  const places = new Map<Newcomer, NodeJS.Timeout>();
  let waiting = 0;
  let turn: NodeJS.Immediate | undefined;
  /** When the time of those that needn't wait is over, in this turn of the event loop. */
  let sliceEnd: number | undefined;
  let nextSlice: NodeJS.Immediate | undefined;

  /** One turn may bring the requests of hundreds, each of whose answers the connection takes at once: free places alone would hold nobody up. */
  function hasTime(): boolean {
    const now = performance.now();
    if (sliceEnd === undefined) {
      sliceEnd = now + SLICE_MS;
      nextSlice = setImmediate(() => (sliceEnd = undefined));
    }
    return now < sliceEnd;
  }

  function free(newcomer: Newcomer): void {
    clearTimeout(places.get(newcomer));
    if (places.delete(newcomer) && waiting > 0) turn ??= setImmediate(serve);
  }

  function start(newcomer: Newcomer, works: readonly (() => void)[]): void {
    clearTimeout(places.get(newcomer));
    places.set(newcomer, setTimeout(free, placeMs, newcomer).unref());
    for (const work of works) work();
    newcomer.outbox.whenEmpty(() => free(newcomer));
  }

  function serve(): void {
    turn = undefined;
    const end = performance.now() + SLICE_MS;
    while (places.size < concurrent && performance.now() < end) {
      const [next] = queues;
      if (next === undefined) return;
      const [host, queue] = next;
      queues.delete(host);
      const [first] = queue;
      if (first === undefined) continue;
      const [newcomer, works] = first;
      queue.delete(newcomer);
      if (queue.size > 0) queues.set(host, queue);
      waiting--;
      start(newcomer, works);
    }
    if (waiting > 0 && places.size < concurrent) turn ??= setImmediate(serve);
  }

  return {
    run(newcomer, work) {
      const queued = queues.get(newcomer.host)?.get(newcomer);
      if (queued !== undefined) {
        queued.push(work);
      } else if (
        waiting === 0 &&
        turn === undefined &&
        (places.size < concurrent || places.has(newcomer)) &&
        hasTime()
      ) {
        start(newcomer, [work]);
      } else {
        const queue = queues.get(newcomer.host) ?? new Map<Newcomer, (() => void)[]>();
        queues.set(newcomer.host, queue.set(newcomer, [work]));
        waiting++;
        turn ??= setImmediate(serve);
      }
    },
    leave(newcomer) {
      const queue = queues.get(newcomer.host);
      if (queue?.delete(newcomer) === true) waiting--;
      if (queue?.size === 0) queues.delete(newcomer.host);
      free(newcomer);
    },
    get waiting() {
      return waiting;
    },
    close() {
      clearImmediate(turn);
      clearImmediate(nextSlice);
      for (const timer of places.values()) clearTimeout(timer);
      places.clear();
      queues.clear();
      waiting = 0;
    },
  };
}
