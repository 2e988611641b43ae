import {
  type ConsulClient,
  type ConsulConsistency,
  type ConsulOptions,
  type SessionGuard,
  createConsulClient,
  createStoreIdentity,
} from "../../consul/index.ts";
import type { Storage } from "../client.ts";
import { createStorage, type RuntimeOptions } from "../runtime-storage.ts";
import { createConsulDriver } from "./consul-driver.ts";

/** Where Consul is (`address`, `token`, …), and how resources are kept in it. */
export interface ConsulStorageOptions extends ConsulOptions, RuntimeOptions {
  /** Instead of an address: a client that serves discovery, too. It is not closed with the storage. */
  readonly client?: ConsulClient | undefined;
  /** First part of all keys; default `gloo`. */
  readonly rootKey?: string | undefined;
  /** Default `consistent`: a read sees every write before it. */
  readonly consistency?: ConsulConsistency | undefined;
  /**
   * Asked before each write for the lock that it depends on: a write is one transaction that checks the lock and the resource's version. What
   * it throws is what the write throws.
   */
  readonly guard?: (() => SessionGuard) | undefined;
}

/** Resources in Consul. */
export interface ConsulStorage extends Storage {
  /**
   * Accepts the data of a Consul that came back without what it had, for all processes that hold on to what was lost; does the
   * same as the command that the watches' problems name. @throws `unavailable`
   */
  acceptReset(signal: AbortSignal): Promise<void>;
}

/**
 * Storage in Consul's key-value store: YAML under `<root>/<group>/<version>/<Kind>/<namespace>/<name>`, as Gloo keeps it.
 * @throws `invalid` for a bad address or a certificate that can't be read
 */
export function createConsulStorage(options: ConsulStorageOptions): ConsulStorage {
  const { consistency = "consistent", guard } = options;
  const client = options.client ?? createConsulClient(options);
  const rootKey = (options.rootKey ?? "").replace(/^\/+|\/+$/g, "") || "gloo";
  const identity = createStoreIdentity(client, rootKey);
  const storage = createStorage(createConsulDriver({ client, rootKey, consistency, identity, guard }), options);
  const close = async (): Promise<void> => {
    await storage.close();
    if (options.client === undefined) await client.close();
  };
  return {
    ...storage,
    close,
    [Symbol.asyncDispose]: close,
    async acceptReset(signal) {
      const now = await identity.current(signal);
      if (now !== undefined) await identity.accept(now, signal);
    },
  };
}
