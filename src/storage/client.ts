import type { EpoxyError, SourceLocation } from "../errors/index.ts";
import type { AnyKind, Kind, Ref, Resource } from "../resources/index.ts";
import type { Selector } from "../resources/index.ts";
import type { Status } from "../../generated/proto/epoxy/core/v1/status.ts";

export interface CallOptions {
  /** Ends the call; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions extends CallOptions {
  /**
   * false (default): the resource must not exist (`already_exists`), and carrying a resourceVersion is a `conflict`.
   * true: an existing resource is replaced if `metadata.resourceVersion` is the stored one (else `conflict`; an empty
   * version is a stale one); an absent one is created, unless a version was given (`conflict`).
   */
  readonly overwrite?: boolean | undefined;
}

export interface DeleteOptions extends CallOptions {
  /** Delete only this version; otherwise `conflict`. */
  readonly resourceVersion?: string | undefined;
  /** An absent resource is no error. */
  readonly ignoreNotFound?: boolean | undefined;
}

export interface ListOptions extends CallOptions {
  /** Namespaces to look in; empty or absent: all. */
  readonly namespaces?: readonly string[] | undefined;
  readonly selector?: Selector | undefined;
}

export type WatchOptions = ListOptions;

/** An entry of the storage that could not be read. The others are not affected. */
export interface Problem {
  /** The resource, as far as its place in the storage tells. */
  readonly ref: Ref | undefined;
  /** Always set: file with line and column, or storage key. */
  readonly location: SourceLocation;
  readonly error: EpoxyError;
  /** Whether the last good version of the entry is still among the items. */
  readonly lastGoodKept: boolean;
  /** Set for a file that can't be read as a whole: whether resources besides `ref`, nobody can tell which, are in what can't be read. */
  readonly hidesOthers?: "perhaps" | "probably";
}

export interface ListResult<T> {
  /** Sorted by namespace, then name. Deeply frozen. */
  readonly items: readonly T[];
  readonly problems: readonly Problem[];
}

/**
 * What a watch yields. `state` comes first, and once; then `changes`, also for what was missed in a gap. While the source fails,
 * `stale` is yielded once, and again where the reason is another (what is known stays valid; nothing is known if it comes before the
 * `state`), and `live` once it answers again, before what was missed. Pending events are coalesced per key: a slow consumer sees the latest, never a
 * queue, never an older state after a newer one, never one version of an item twice. Items have the order of lists.
 */
export type WatchEvent<T> =
  | { readonly type: "state"; readonly items: readonly T[]; readonly problems: readonly Problem[] }
  | {
      readonly type: "changes";
      /** Created or changed. */
      readonly changed: readonly T[];
      readonly removed: readonly Ref[];
      /** All problems as they are now, not only new ones. */
      readonly problems: readonly Problem[];
      /**
       * By `performance.now()`, when the first of the changes was seen in the storage, before it was read: a file event came, or an answer of
       * Consul or Kubernetes began. Undefined where nothing was told, such as in a change that was found by looking again.
       */
      readonly seenAt?: number;
    }
  | { readonly type: "stale"; readonly error: EpoxyError }
  | { readonly type: "live" };

/**
 * Typed access to the resources of one kind. All objects handed out are deeply frozen (but for the content of bytes, which
 * JavaScript can't freeze: leave it as it is); objects handed in are copied. Names and selectors are checked (`invalid`); a
 * kind of cluster scope takes an empty namespace, and no notice of namespaces in lists and watches.
 */
export interface ResourceClient<T extends Resource> {
  readonly kind: Kind<T>;
  /** @throws `not_found`, `invalid` (the entry can't be parsed; with its location), `unavailable` */
  read(ref: Ref, options?: CallOptions): Promise<T>;
  /** Resolves to what is stored, with its new resourceVersion. @throws `already_exists conflict invalid unavailable` */
  write(resource: T, options?: WriteOptions): Promise<T>;
  /** @throws `not_found conflict unavailable` */
  delete(ref: Ref, options?: DeleteOptions): Promise<void>;
  /** An absent namespace is an empty one. @throws `unavailable` only: what can't be parsed is in `problems` */
  list(options?: ListOptions): Promise<ListResult<T>>;
  /**
   * Never throws by itself, but with the signal's reason, and ends when the storage is closed. It starts with the first step of
   * the loop, each loop anew; leaving it releases everything. @throws `invalid` at once, for a selector or namespace
   */
  watch(options?: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /**
   * Sets the status of one reporter (a key of `namespacedStatuses.statuses`) and touches nothing else: no other
   * reporter's status, no byte of the specification, no comment. Does nothing if it is equal already. If the resource
   * changed meanwhile, it is read again; a `precondition` that then says no makes it give way.
   * Resolves to true if something was written. @throws `not_found unavailable conflict`
   */
  writeStatus(ref: Ref, reporter: string, status: Status, options?: WriteStatusOptions<T>): Promise<boolean>;
}

export interface WriteStatusOptions<T> extends CallOptions {
  /** Called with the stored resource just before the write; false: write nothing (the specification has moved on). */
  readonly precondition?: ((stored: T) => boolean) | undefined;
}

/** Where resources are kept. One per engine and configuration; hands out a client per kind. */
export interface Storage extends AsyncDisposable {
  /** For people: `files in ./data/config`, `Consul at 127.0.0.1:8500, root key gloo`. */
  readonly description: string;
  client<T extends Resource>(kind: Kind<T>): ResourceClient<T>;
  /** Ends all watches and frees what is held. Idempotent. */
  close(): Promise<void>;
}

/** A client of which only the kind's names matter. */
export type AnyClient = ResourceClient<any> & { readonly kind: AnyKind };
