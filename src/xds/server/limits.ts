import { getHeapStatistics } from "node:v8";

/** What clients may ask for. One that asks for more is told so with ResourceExhausted, and costs no more memory. */
export interface XdsLimits {
  /** Open at once. Defaults to 20,000. */
  readonly streams: number;
  /** Open at once on one connection. Defaults to 5,000: an Envoy that doesn't aggregate opens one for each cluster. */
  readonly streamsPerConnection: number;
  /** Names subscribed to on one stream. Defaults to 200,000. */
  readonly subscriptions: number;
  /** Length of a request in bytes. Defaults to 32 MiB: a reconnecting delta client lists all it has, with 10,000 resources more than gRPC's 4 MiB. */
  readonly requestBytes: number;
  /** Bytes of names and other texts that one connection may make the server remember. Defaults to 64 MiB. */
  readonly retainedBytes: number;
  /** The same for all connections. Defaults to a quarter of what V8's heap may have, and 1 GiB at most. */
  readonly retainedBytesInAll: number;
  /** Bytes of answers that all clients together leave unread. Defaults to 512 MiB. */
  readonly unreadBytes: number;
  /** Length in bytes of all requests together of which only a part has come. Defaults to 256 MiB. */
  readonly unfinishedBytes: number;
  /** So many new clients have what they begin with under way at once; the others wait for their turn. Defaults to 32. */
  readonly admitted: number;
  /** A client counts as new for so many ms at least: it asks for one type after the other. Defaults to 10,000. */
  readonly newForMs: number;
  /** A client that takes so long, in ms, to read or to answer what it was sent is reported. Defaults to 30,000. */
  readonly slowAfterMs: number;
  /** It is given up after so many ms, and may come back. Defaults to 300,000. */
  readonly closeAfterMs: number;
}

/** What holds where nothing is said. */
export const defaultLimits: XdsLimits = {
  streams: 20_000,
  streamsPerConnection: 5_000,
  subscriptions: 200_000,
  requestBytes: 32 * 1024 * 1024,
  retainedBytes: 64 * 1024 * 1024,
  retainedBytesInAll: Math.min(1024 * 1024 * 1024, getHeapStatistics().heap_size_limit / 4),
  unreadBytes: 512 * 1024 * 1024,
  unfinishedBytes: 256 * 1024 * 1024,
  admitted: 32,
  newForMs: 10_000,
  slowAfterMs: 30_000,
  closeAfterMs: 300_000,
};
