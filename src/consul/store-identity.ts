import { randomUUID } from "node:crypto";
import { blockingQuery } from "./blocking-query.ts";
import type { ConsulClient } from "./consul-client.ts";
import { consulStatus } from "./consul-errors.ts";

/** What an operator decides by, after a Consul has come back with other data. */
type ResetDecision = "accepted" | "restored";

/**
 * Tells one Consul's data from another's, by a random value in the key `<root>/.epoxy/store`. A Consul that lost its data, or
 * was replaced, comes back without it; its indexes alone don't tell, since they may have overtaken the old ones by then.
 */
export interface StoreIdentity {
  /**
   * The value, written if there is none. Undefined where the token may neither read nor write it: then nothing is known.
   * @throws `unavailable`
   */
  current(signal: AbortSignal): Promise<string | undefined>;
  /** What an operator types to accept the data of the store with this identity. */
  command(identity: string): string;
  /** Does what that command does. @throws `unavailable` */
  accept(identity: string, signal: AbortSignal): Promise<void>;
  /** Resolves once the store of `identity` is accepted, or another one (the former, restored) is in its place. */
  decision(identity: string, signal: AbortSignal): Promise<ResetDecision>;
}

/** @param rootKey first part of all keys, without slashes around it */
export function createStoreIdentity(client: ConsulClient, rootKey: string): StoreIdentity {
  const key = `${rootKey}/.epoxy/store`;
  const acceptKey = `${rootKey}/.epoxy/accept-reset`;
  return {
    async current(signal) {
      try {
        for (;;) {
          const { value } = await client.kvRead(key, { signal, consistency: "consistent" });
          if (value !== undefined) return value.text().trim();
          // Another process may be faster; whoever is first names it.
          await client.kvPut(key, randomUUID(), 0, { signal });
        }
      } catch (error) {
        if (consulStatus(error) === 403) return undefined;
        throw error;
      }
    },
    command: (identity) => `consul kv put ${acceptKey} ${identity}`,
    async accept(identity, signal) {
      for (;;) {
        const { value } = await client.kvRead(acceptKey, { signal, consistency: "consistent" });
        if (value?.text().trim() === identity) return;
        if ((await client.kvPut(acceptKey, identity, value?.modifyIndex ?? 0, { signal })) !== undefined) return;
      }
    },
    async decision(identity, signal) {
      const ask = (index: number | undefined) => client.kvList(`${rootKey}/.epoxy/`, { signal, index });
      for await (const { value } of blockingQuery(ask, signal)) {
        const text = (name: string): string | undefined =>
          value
            .entries()
            .find((entry) => entry.key === name)
            ?.text()
            .trim();
        if (text(acceptKey) === identity) return "accepted";
        if (text(key) !== undefined && text(key) !== identity) return "restored";
      }
      throw signal.reason;
    },
  };
}
