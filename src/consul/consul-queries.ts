import type { ConsulConsistency } from "./consul-options.ts";
import type { SessionGuard } from "./consul-sessions.ts";

export interface QueryOptions {
  readonly signal: AbortSignal;
  /** Wait until the index is beyond this one, at most for the wait time. Default: answer at once. */
  readonly index?: number | undefined;
  /** Default `default`. */
  readonly consistency?: ConsulConsistency | undefined;
}

/** Options of writes. */
export interface GuardedOptions extends QueryOptions {
  /** Write only while this session holds this lock; checked in the very transaction of the write. */
  readonly guard?: SessionGuard | undefined;
}

/** Options of queries about services. */
export interface CatalogOptions extends QueryOptions {
  /** Default: that of the client. */
  readonly datacenter?: string | undefined;
  /** Let the agent answer from its cache. Not with `consistent`. */
  readonly useCache?: boolean | undefined;
}

/** What an answer holds, and the index to wait with for the next. */
export interface ConsulAnswer<T> {
  readonly value: T;
  readonly index: number;
  /** When it began to come, by `performance.now()`. */
  readonly answeredAt: number;
}

/** An entry of the key-value store. */
export interface KvEntry {
  readonly key: string;
  readonly createIndex: number;
  readonly modifyIndex: number;
  /** Of the session that holds the key as a lock. */
  readonly session: string | undefined;
  /** Decodes the value, anew with each call. */
  text(): string;
}

/** All entries below a prefix, sorted by key. */
export interface KvListing {
  /** A JSON array, as Consul wrote it. */
  readonly bytes: Buffer;
  readonly isEmpty: boolean;
  /** Parses all of them, anew with each call. @throws SyntaxError if it isn't what Consul writes */
  entries(): readonly KvEntry[];
  /** @param earlier a listing of the same prefix @throws SyntaxError as `entries` */
  changesSince(earlier: KvListing): KvChanges;
}

/** What tells a listing from an earlier one. */
export interface KvChanges {
  /** Entries that were created or written. */
  readonly written: readonly KvEntry[];
  /** Keys that are gone. */
  readonly deleted: readonly string[];
}

/** One check of an instance or of its node. */
export interface ConsulCheck {
  /** Such as `http` or `ttl`; empty in old versions of Consul. */
  readonly Type?: string;
  readonly Status: string;
  readonly Output: string;
}

/** An instance of a service as the health API shows it. */
export interface HealthEntry {
  readonly Node: { readonly Node: string; readonly Address: string; readonly Datacenter?: string };
  readonly Service: {
    readonly ID: string;
    readonly Tags: readonly string[] | null;
    readonly Meta: Readonly<Record<string, string>> | null;
    readonly Address: string;
    readonly Port: number;
  };
  readonly Checks: readonly ConsulCheck[] | null;
}
