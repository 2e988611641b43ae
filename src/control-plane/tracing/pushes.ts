import type { ResponseEvent } from "../../xds/index.ts";

/** A response that carries changes that are followed. */
export interface Push<Change> {
  readonly event: ResponseEvent;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
  readonly bytes: number;
  readonly changes: readonly Change[];
}

/** The pushes that their proxies haven't answered. */
export interface Pushes<Change> {
  add(push: Push<Change>): void;
  /** Those that this answer settles: its own, and what the stream was sent before it of the type. */
  settle(answer: ResponseEvent): readonly Push<Change>[];
  /** All of a stream that is gone. */
  closed(streamId: number): readonly Push<Change>[];
  all(): Iterable<Push<Change>>;
}

export function trackPushes<Change>(): Pushes<Change> {
  const streams = new Map<number, Map<string, Push<Change>[]>>();
  return {
    add(push) {
      const { stream, typeUrl } = push.event;
      const types = streams.get(stream.id) ?? new Map<string, Push<Change>[]>();
      streams.set(stream.id, types);
      const waiting = types.get(typeUrl);
      if (waiting === undefined) types.set(typeUrl, [push]);
      else waiting.push(push);
    },
    settle({ stream, typeUrl, resources, removed }) {
      const types = streams.get(stream.id);
      const waiting = types?.get(typeUrl);
      if (types === undefined || waiting === undefined) return [];
      // A response is known by its lists: versions come again.
      const index = waiting.findIndex(({ event }) => event.resources === resources && event.removed === removed);
      const settled = waiting.splice(0, index + 1);
      if (waiting.length === 0) types.delete(typeUrl);
      if (types.size === 0) streams.delete(stream.id);
      return settled;
    },
    closed(streamId) {
      const left = [...(streams.get(streamId)?.values() ?? [])].flat();
      streams.delete(streamId);
      return left;
    },
    *all() {
      for (const types of streams.values()) for (const waiting of types.values()) yield* waiting;
    },
  };
}
