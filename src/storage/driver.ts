import type { Status } from "../../generated/proto/epoxy/core/v1/status.ts";
import type { Kind, Ref, Resource } from "../resources/index.ts";
import type { Problem } from "./client.ts";

/** A resource as it lies in the storage. */
export interface StoredEntry<T> {
  readonly ref: Ref;
  /** Opaque; changes with every write and never comes back, not even after deletion and re-creation. */
  readonly version: string;
  /** With `metadata.resourceVersion` equal to `version`. */
  readonly resource: T;
}

export interface DriverList<T> {
  /** In any order. */
  readonly entries: readonly StoredEntry<T>[];
  readonly problems: readonly Problem[];
}

/**
 * What a driver's watch yields. `problems` are all that exist now within the watched namespaces. An entry that can't be
 * parsed is in `problems` with its ref, and neither in `entries` nor in `removed`: the runtime then keeps its last good
 * version. A driver that keeps a last good version itself goes on listing it and says so with `lastGoodKept`. `seenAt`: see `WatchEvent`.
 */
export type DriverEvent<T> =
  | { readonly type: "state"; readonly entries: readonly StoredEntry<T>[]; readonly problems: readonly Problem[] }
  | {
      readonly type: "changes";
      readonly changed: readonly StoredEntry<T>[];
      readonly removed: readonly Ref[];
      readonly problems: readonly Problem[];
      readonly seenAt?: number | undefined;
    };

export interface DriverOptions {
  /** Ends the call, which then rejects (a watch: ends or throws) at once and leaves nothing behind. */
  readonly signal: AbortSignal;
}

/** Asked with the stored resource, deeply frozen, just before a status is written; false: give way. */
export type StatusPrecondition<T> = (stored: T) => boolean;

/**
 * What a storage engine has to be able to do. `createStorage` makes a `Storage` of it and adds all that is the same for every
 * engine: checks of names, rules of overwriting, selectors, order, freezing, coalescing, backoff, closing. So a
 * driver gets valid refs only, resources that it may keep (copied, without a resourceVersion), and never a call after `close`.
 *
 * Errors of the engine are EpoxyErrors with code `unavailable`; the runtime wraps anything else as such.
 */
export interface StorageDriver {
  /** See `Storage.description`. */
  readonly description: string;

  /** Resolves to undefined if there is none. @throws `invalid` if it can't be parsed, with its location */
  read<T extends Resource>(kind: Kind<T>, ref: Ref, options: DriverOptions): Promise<StoredEntry<T> | undefined>;

  /**
   * Writes if the entry is as expected, atomically: of several writers with one expectation exactly one succeeds.
   * @param expected null: there must be none (else `already_exists`); a version: the stored one must be it (else, or if there
   *   is none, `conflict`). An entry that can't be parsed has a version, too, but nobody knows it: `conflict`.
   */
  put<T extends Resource>(
    kind: Kind<T>,
    ref: Ref,
    resource: T,
    expected: string | null,
    options: DriverOptions,
  ): Promise<StoredEntry<T>>;

  /** Deletes, if `expected` is given only that version (else `conflict`). Resolves to false if there was none. */
  delete(kind: Kind<any>, ref: Ref, expected: string | undefined, options: DriverOptions): Promise<boolean>;

  /** @param namespaces never empty; undefined: all. An absent one is empty. */
  list<T extends Resource>(
    kind: Kind<T>,
    namespaces: readonly string[] | undefined,
    options: DriverOptions,
  ): Promise<DriverList<T>>;

  /**
   * One attempt at watching: yields a `state`, then `changes` (or a `state` again, where the engine can't tell what has changed).
   * It throws when the engine fails; the runtime then marks its watch as stale, waits, and calls again.
   */
  watch<T extends Resource>(
    kind: Kind<T>,
    namespaces: readonly string[] | undefined,
    options: DriverOptions,
  ): AsyncIterable<DriverEvent<T>>;

  /**
   * See `ResourceClient.writeStatus`. Reads, gives way if `precondition` says no, writes on condition that nothing has changed,
   * and starts again where something has. @throws `not_found`
   */
  putStatus<T extends Resource>(
    kind: Kind<T>,
    ref: Ref,
    reporter: string,
    status: Status,
    precondition: StatusPrecondition<T> | undefined,
    options: DriverOptions,
  ): Promise<boolean>;

  /** Frees what is held. Called once, after all calls have ended. */
  close(): Promise<void>;
}
