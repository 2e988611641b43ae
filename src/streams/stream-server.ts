import type { Kind, Resource } from "../resources/index.ts";
import { createXdsCache, createXdsServer, type StreamState, type XdsServerOptions } from "../xds/index.ts";
import { createPublisher, type Publisher } from "./publisher.ts";

export type StreamServerOptions = Omit<XdsServerOptions, "cache" | "snapshotKey" | "fallbackKey" | "quarantine">;

/**
 * Streams the resources of one kind to any number of clients, which are all told the same: by the cache and server that configure
 * Envoy, so with everything these do about refusals, slow clients, reconnects and TLS.
 */
export interface StreamServer<T> extends Publisher<T>, AsyncDisposable {
  /** Resolves once it accepts connections. Rejects with `unavailable` if the address can't be had. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** The clients, what each has and what it refused. Names and versions only. */
  streams(): StreamState[];
  /** Idempotent. */
  close(): Promise<void>;
}

const EVERYBODY = "all";

export function createStreamServer<T extends Resource>(kind: Kind<T>, options: StreamServerOptions): StreamServer<T> {
  const cache = createXdsCache();
  const server = createXdsServer({
    ...options,
    cache,
    snapshotKey: () => EVERYBODY,
    fallbackKey: EVERYBODY,
  });
  return {
    ...createPublisher(kind, cache, EVERYBODY),
    listen: server.listen,
    streams: server.streams,
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  };
}
