import type { ChangeSet } from "../collections/index.ts";
import { type Kind, type Resource, specEquals } from "../resources/index.ts";
import { emptySet, type PersistentSet } from "./resource-set.ts";
import type { ResourceChanges } from "./snapshot.ts";

interface Touched<T> {
  /** The resource as it was last while it existed. */
  readonly last: T;
  /** Whether a sync that did not succeed was told of it, so that nobody knows what has become of it. */
  readonly attempted: boolean;
}

/** What one kind has seen since the last successful sync. */
export class PendingChanges<T extends Resource> {
  readonly #kind: Kind<T>;
  #current: PersistentSet<T> = emptySet();
  #synced: PersistentSet<T> = emptySet();
  #offered: PersistentSet<T> = emptySet();
  /** Values that `#current` lacks still. */
  #fresh = new Map<string, T | undefined>();
  #touched = new Map<string, Touched<T>>();
  #inFlight = new Map<string, Touched<T>>();

  constructor(kind: Kind<T>) {
    this.#kind = kind;
  }

  /**
   * Takes changes over. Returns whether one of them is for a sync: a new status or version is not, else every controller
   * that writes statuses would call itself. The next snapshot has it nevertheless.
   */
  note(changes: ChangeSet<T>): boolean {
    let relevant = false;
    for (const { key, before, after } of changes) {
      this.#fresh.set(key, after);
      if (before !== undefined && after !== undefined && specEquals(this.#kind, before, after)) continue;
      const last = after ?? before;
      if (last === undefined) continue;
      this.#touched.set(key, { last, attempted: this.#touched.get(key)?.attempted ?? false });
      relevant = true;
    }
    return relevant;
  }

  /** The resources as they are now. */
  current(): PersistentSet<T> {
    this.#current = this.#current.with(this.#fresh);
    this.#fresh = new Map();
    return this.#current;
  }

  /** What a sync that starts now must be told. `succeed` or `fail` must follow. */
  begin(): ResourceChanges<T> {
    const current = this.current();
    const added: T[] = [];
    const updated: T[] = [];
    const removed: T[] = [];
    for (const key of [...this.#touched.keys()].sort()) {
      const { last, attempted } = this.#touched.get(key) as Touched<T>;
      const before = this.#synced.lookup(key);
      const after = current.lookup(key);
      if (after === undefined) {
        if (before !== undefined || attempted) removed.push(last);
      } else if (before === undefined) {
        added.push(after);
      } else if (attempted || !specEquals(this.#kind, before, after)) {
        updated.push(after);
      }
    }
    this.#inFlight = this.#touched;
    this.#touched = new Map();
    this.#offered = current;
    return { added, updated, removed };
  }

  /** The sync has done all that `begin` told it. */
  succeed(): void {
    this.#synced = this.#offered;
    this.#inFlight = new Map();
  }

  /** The sync may have done some of it: the next one is told again. */
  fail(): void {
    for (const [key, { last }] of this.#inFlight) {
      this.#touched.set(key, { last: this.#touched.get(key)?.last ?? last, attempted: true });
    }
    this.#inFlight = new Map();
  }
}
