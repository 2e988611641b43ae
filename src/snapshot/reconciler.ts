import { combineErrors, EpoxyError, errorCode, isNotFound } from "../errors/index.ts";
import { type Ref, type Resource, refKey, refOf, refText, specEquals } from "../resources/index.ts";
import { type ResourceClient, systemClock } from "../storage/index.ts";
import { CONCURRENCY, type RetryOptions, retry, toEpoxyError } from "./retry.ts";
import { runLimited } from "./run-limited.ts";

/**
 * Decides what becomes of a resource that exists. Gets the stored one (frozen) and a fresh copy of the desired one, which it
 * may change; it is called again with other copies when a write meets a conflict. Undefined: leave the stored one as it is.
 */
export type Transition<T> = (existing: T, desired: T) => T | undefined;

export interface ReconcilerOptions<T> extends RetryOptions {
  /** Labels that mark what is this reconciler's. It writes them on what it creates and touches nothing that lacks one of them. */
  readonly ownerLabels: Readonly<Record<string, string>>;
  /** Where to look for what exists. Empty or absent: everywhere. Desired resources elsewhere are an error. */
  readonly namespaces?: readonly string[] | undefined;
  /** Default: the desired resource, if its specification differs from the stored one's. */
  readonly transition?: Transition<T> | undefined;
}

export interface ReconcileOptions {
  readonly signal?: AbortSignal | undefined;
  /** Only say what would be done. */
  readonly dryRun?: boolean | undefined;
  /** Whether failures of items reject the call (default) or are only in the result. */
  readonly onErrors?: "throw" | "return" | undefined;
}

export interface ReconcileFailure {
  readonly ref: Ref;
  readonly action: "create" | "update" | "delete";
  readonly error: EpoxyError;
}

/** What was done, each list sorted by `namespace/name`. */
export interface ReconcileResult {
  readonly created: readonly Ref[];
  readonly updated: readonly Ref[];
  readonly deleted: readonly Ref[];
  readonly unchanged: readonly Ref[];
  readonly errors: readonly ReconcileFailure[];
}

export interface Reconciler<T> {
  /**
   * Makes the owned resources what is desired: creates, updates, then deletes. All are tried, whatever fails. The arguments are
   * not changed, statuses and what storage keeps in metadata stay as they are stored.
   * @throws `unavailable` if what exists can't be listed; an error of all failures (see `problemsOf`) unless `onErrors` is
   * `return`; the signal's reason
   */
  reconcile(desired: Iterable<T>, options?: ReconcileOptions): Promise<ReconcileResult>;
}

/** Makes a reconciler for one kind of resource. It keeps no state between calls. */
export function createReconciler<T extends Resource>(
  client: ResourceClient<T>,
  options: ReconcilerOptions<T>,
): Reconciler<T> {
  if (Object.keys(options.ownerLabels).length === 0) {
    throw new EpoxyError("invalid", "a reconciler without owner labels would delete what is not its own: give one");
  }
  return {
    async reconcile(desired, { signal = new AbortController().signal, dryRun = false, onErrors = "throw" } = {}) {
      const run = new Reconciliation(client, options, dryRun, signal);
      const result = await run.run(desired);
      if (onErrors === "throw" && result.errors.length > 0)
        throw combineErrors(result.errors.map(({ error }) => error));
      return result;
    },
  };
}

type Outcome = "created" | "updated" | "deleted" | "unchanged";

class Reconciliation<T extends Resource> {
  readonly #client: ResourceClient<T>;
  readonly #options: ReconcilerOptions<T>;
  readonly #dryRun: boolean;
  readonly #signal: AbortSignal;
  readonly #outcomes: Record<Outcome, Ref[]> = { created: [], updated: [], deleted: [], unchanged: [] };
  readonly #failures: ReconcileFailure[] = [];

  constructor(client: ResourceClient<T>, options: ReconcilerOptions<T>, dryRun: boolean, signal: AbortSignal) {
    this.#client = client;
    this.#options = options;
    this.#dryRun = dryRun;
    this.#signal = signal;
  }

  async run(desired: Iterable<T>): Promise<ReconcileResult> {
    const { namespaces, ownerLabels } = this.#options;
    const wanted = this.#check(desired);
    const { items } = await this.#client.list({
      namespaces,
      selector: { matchLabels: ownerLabels },
      signal: this.#signal,
    });
    const existing = new Map(items.map((item) => [refKey(refOf(item)), item]));
    await runLimited([...wanted], CONCURRENCY, ([key, resource]) => {
      const known = existing.get(key);
      return this.#try(refOf(resource), known === undefined ? "create" : "update", (again) =>
        this.#apply(resource, known, again),
      );
    });
    const surplus = items.filter((item) => !wanted.has(refKey(refOf(item))));
    await runLimited(surplus, CONCURRENCY, (item) =>
      this.#try(refOf(item), "delete", (again) => this.#remove(item, again)),
    );
    const { created, updated, deleted, unchanged } = this.#outcomes;
    for (const refs of [created, updated, deleted, unchanged]) refs.sort(byKey);
    return { created, updated, deleted, unchanged, errors: this.#failures.sort((a, b) => byKey(a.ref, b.ref)) };
  }

  /** The desired resources by key, with the owner's labels. What can't be reconciled is a failure of its own. */
  #check(desired: Iterable<T>): Map<string, T> {
    const { namespaces = [], ownerLabels } = this.#options;
    const wanted = new Map<string, T>();
    for (const resource of desired) {
      const ref = refOf(resource);
      const metadata = resource.metadata as NonNullable<T["metadata"]>;
      if (wanted.has(refKey(ref))) {
        this.#fail(
          ref,
          "create",
          new EpoxyError("invalid", `${this.#text(ref)} is desired twice: the first one counts`),
        );
      } else if (namespaces.length > 0 && !namespaces.includes(ref.namespace)) {
        const where = namespaces.join(", ");
        this.#fail(ref, "create", new EpoxyError("invalid", `${this.#text(ref)} is desired outside of ${where}`));
      } else {
        wanted.set(refKey(ref), {
          ...resource,
          metadata: { ...metadata, resourceVersion: "", labels: { ...metadata.labels, ...ownerLabels } },
        });
      }
    }
    return wanted;
  }

  /** Tries an action until it succeeds; `again` says that what was listed may be out of date. */
  async #try(ref: Ref, action: ReconcileFailure["action"], act: (again: boolean) => Promise<Outcome>): Promise<void> {
    try {
      const clock = this.#options.clock ?? systemClock;
      const outcome = await retry((number) => act(number > 1), clock, this.#signal, this.#options);
      this.#outcomes[outcome].push(ref);
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#fail(ref, action, toEpoxyError(error, `can't ${action} ${this.#text(ref)}`, this.#text(ref)));
    }
  }

  async #apply(desired: T, listed: T | undefined, again: boolean): Promise<Outcome> {
    const ref = refOf(desired);
    const existing = again ? await this.#read(ref) : listed;
    if (existing === undefined) {
      if (!this.#dryRun) await this.#create(desired);
      return "created";
    }
    if (!this.#isOwned(existing)) throw this.#foreign(ref);
    const copy = structuredClone(desired);
    const next = this.#options.transition === undefined ? copy : this.#options.transition(existing, copy);
    if (next === undefined) return "unchanged";
    const update = this.#over(existing, next);
    if (specEquals(this.#client.kind, existing, update)) return "unchanged";
    if (!this.#dryRun) await this.#client.write(update, { overwrite: true, signal: this.#signal });
    return "updated";
  }

  async #create(desired: T): Promise<void> {
    try {
      await this.#client.write(desired, { signal: this.#signal });
    } catch (error) {
      if (errorCode(error) !== "already_exists") throw error;
      const existing = await this.#read(refOf(desired));
      if (existing !== undefined && !this.#isOwned(existing)) throw this.#foreign(refOf(desired));
      // It came into being since the listing, or a write that seemed to have failed had not: go on with an update.
      throw new EpoxyError("conflict", `${this.#text(refOf(desired))} has just been created by another`);
    }
  }

  async #remove(listed: T, again: boolean): Promise<Outcome> {
    const ref = refOf(listed);
    const existing = again ? await this.#read(ref) : listed;
    if (existing === undefined) return "deleted";
    // Whoever took the label off has taken the resource over.
    if (!this.#isOwned(existing)) return "unchanged";
    if (this.#dryRun) return "deleted";
    const resourceVersion = existing.metadata?.resourceVersion;
    await this.#client.delete(ref, { resourceVersion, ignoreNotFound: true, signal: this.#signal });
    return "deleted";
  }

  /** The update with the stored version, and with statuses and metadata that are not the desired resource's to say. */
  #over(existing: T, next: T): T {
    const { labels, annotations, ownerReferences } = next.metadata as NonNullable<T["metadata"]>;
    return {
      ...next,
      metadata: { ...(existing.metadata as NonNullable<T["metadata"]>), labels, annotations, ownerReferences },
      namespacedStatuses: existing.namespacedStatuses,
    };
  }

  async #read(ref: Ref): Promise<T | undefined> {
    try {
      return await this.#client.read(ref, { signal: this.#signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #isOwned(resource: T): boolean {
    const labels: Readonly<Record<string, string>> = resource.metadata?.labels ?? {};
    return Object.entries(this.#options.ownerLabels).every(([label, value]) => labels[label] === value);
  }

  #foreign(ref: Ref): EpoxyError {
    const labels = Object.entries(this.#options.ownerLabels).map(([label, value]) => `${label}=${value}`);
    const remedy = `rename one of them, or label it ${labels.join(",")} to hand it over`;
    return new EpoxyError("already_exists", `${this.#text(ref)} exists and belongs to someone else: ${remedy}`);
  }

  #fail(ref: Ref, action: ReconcileFailure["action"], error: EpoxyError): void {
    this.#failures.push({ ref, action, error });
  }

  #text(ref: Ref): string {
    return `${this.#client.kind.kind} ${refText(ref)}`;
  }
}

function byKey(a: Ref, b: Ref): number {
  const [left, right] = [refKey(a), refKey(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
