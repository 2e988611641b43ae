import type { XdsResource } from "./resource.ts";
import type { LogReader, TypeLog } from "./type-log.ts";

/**
 * What one stream wants of one type, and what of that it hasn't read yet. Everything (`*`) is read from the log from a cursor on; named
 * resources are noted as they change. So neither costs memory per resource nor work for changes that nobody here wants.
 */
export class Subscription implements LogReader {
  readonly log: TypeLog;
  /** Up to where the log was read; counts while subscribed to everything. */
  cursor = 0;
  /** Names subscribed to, each with the version that was sent last on this stream. */
  readonly names = new Map<string, string | undefined>();
  /** Whether of everything, too, the changed names are noted: costs memory per change, and tells what the client has of each. */
  noteAll = false;
  /** Named resources changed since they were last taken, with what each was before the first of its changes. */
  readonly changedNames = new Map<string, XdsResource | undefined>();
  readonly #wake: () => void;
  readonly #closed: () => void;

  /** `wake` is called on each change, from within the change; it must only take note. */
  constructor(log: TypeLog, wake: () => void, closed: () => void) {
    this.log = log;
    this.#wake = wake;
    this.#closed = closed;
  }

  get wildcard(): boolean {
    return this.log.readers.has(this);
  }

  /** Turning it on starts at the beginning. */
  setWildcard(on: boolean): void {
    if (on === this.wildcard) return;
    if (on) {
      this.cursor = 0;
      this.log.readers.add(this);
    } else {
      this.log.readers.delete(this);
    }
  }

  /** Whether the stream wants the resource of this name. */
  covers(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  /** Subscribes to a name. Returns false if it was subscribed to already. */
  add(name: string): boolean {
    if (this.names.has(name)) return false;
    let shared = this.log.readersByName.get(name);
    if (shared === undefined) {
      shared = { name, readers: new Set() };
      this.log.readersByName.set(name, shared);
    }
    shared.readers.add(this);
    this.names.set(shared.name, undefined);
    return true;
  }

  /** Ends the subscription to a name. Returns false if there was none. */
  delete(name: string): boolean {
    if (!this.names.delete(name)) return false;
    this.changedNames.delete(name);
    const shared = this.log.readersByName.get(name);
    shared?.readers.delete(this);
    if (shared?.readers.size === 0) this.log.readersByName.delete(name);
    return true;
  }

  /** Whether there are unread resources that weren't there when the log was read last. */
  hasAdditions(): boolean {
    for (const [name, before] of this.changedNames) {
      if (before === undefined && this.log.get(name) !== undefined) return true;
    }
    return (
      this.wildcard &&
      this.log.since(this.cursor).some(({ resource, created }) => resource !== undefined && created > this.cursor)
    );
  }

  /** Notes which version of a named resource was sent; undefined for its removal. */
  sent(name: string, version: string | undefined): void {
    if (this.names.has(name)) this.names.set(name, version);
  }

  changed(name: string, before: XdsResource | undefined): void {
    const noted = this.noteAll || this.names.has(name);
    if (noted && !this.changedNames.has(name)) this.changedNames.set(name, before);
    this.#wake();
  }

  /** Told when the type became complete, and so may be answered. */
  completed(): void {
    this.#wake();
  }

  /** Ends all of it. Idempotent. */
  close(): void {
    this.setWildcard(false);
    for (const name of this.names.keys()) this.delete(name);
    this.#closed();
  }
}
