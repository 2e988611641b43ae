import { systemClock } from "../backoff.ts";
import type { Storage } from "../client.ts";
import { createStorage, type RuntimeOptions } from "../runtime-storage.ts";
import { createVaultClient } from "./vault-client.ts";
import { createVaultDriver } from "./vault-driver.ts";
import type { VaultOptions } from "./vault-options.ts";

export type { VaultAuth, VaultOptions, VaultTls } from "./vault-options.ts";

/** Where Vault is and how to log in, and how resources are kept in it. */
export interface VaultStorageOptions extends VaultOptions, RuntimeOptions {
  /** Where the key-value engine, version 2, is mounted; default `secret`. */
  readonly mount?: string | undefined;
  /** First part of all keys; default `gloo`. */
  readonly rootKey?: string | undefined;
  /** Milliseconds between two looks of a watch; default 60,000. What this storage writes itself is seen at once. */
  readonly refreshInterval?: number | undefined;
}

/**
 * Storage in Vault's (or OpenBao's) key-value store, version 2, under `<mount>/data/<root>/<group>/<version>/<Kind>/<namespace>/<name>`,
 * as Gloo keeps its secrets.
 * @throws `invalid` for a bad address or a certificate that can't be read
 */
export function createVaultStorage(options: VaultStorageOptions): Storage {
  const trimmed = (text: string | undefined): string => (text ?? "").replace(/^\/+|\/+$/g, "");
  const clock = options.clock ?? systemClock;
  const mount = trimmed(options.mount) || "secret";
  const rootKey = trimmed(options.rootKey) || "gloo";
  const { refreshInterval = 60_000 } = options;
  const client = createVaultClient({ ...options, mount }, clock);
  return createStorage(createVaultDriver({ client, rootKey, refreshInterval, clock }), options);
}
