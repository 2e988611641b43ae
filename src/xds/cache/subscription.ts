import type { XdsResource } from "./resource.ts";
import { changedSetVersion, formatVersion, type LogReader, replaceVersion, type TypeLog } from "./type-log.ts";

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
  /** What this stream is to be given in place of what the log has; undefined: nothing. For what its client refuses. */
  readonly #overrides = new Map<string, XdsResource | undefined>();
  /** Of the versions in `names`; undefined until it is asked for, which delta never does. */
  #sentSum: bigint | undefined;
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

  /** The resource as this stream is to be given it. */
  get(name: string): XdsResource | undefined {
    const resource = this.log.get(name);
    return resource !== undefined && this.#overrides.has(name) ? this.#overrides.get(name) : resource;
  }

  /** All resources, as this stream is to be given them. */
  *resources(): Generator<XdsResource> {
    for (const resource of this.log.resources()) {
      const given = this.#overrides.has(resource.name) ? this.#overrides.get(resource.name) : resource;
      if (given !== undefined) yield given;
    }
  }

  /** Hash of the set of (name, version) of `resources()`. */
  version(): string {
    const version = this.log.version();
    if (this.#overrides.size === 0) return version;
    const names = [...this.#overrides.keys()];
    return changedSetVersion(
      version,
      names.flatMap((name) => this.log.get(name) ?? []),
      names.flatMap((name) => this.get(name) ?? []),
    );
  }

  /** Names of what this stream is given otherwise than the log has it. */
  get overridden(): ReadonlyMap<string, XdsResource | undefined> {
    return this.#overrides;
  }

  /** Whether the resource is there, but this stream isn't given it in any version. */
  withheld(name: string): boolean {
    return this.log.get(name) !== undefined && this.get(name) === undefined;
  }

  /** Gives this stream another version of a resource, or none of it. `quietly`: it isn't noted as a change. */
  override(name: string, resource: XdsResource | undefined, quietly: boolean): void {
    const before = this.get(name);
    this.#overrides.set(name, resource);
    this.#overridden(name, before, quietly);
  }

  /** Ends that. */
  restore(name: string, quietly: boolean): void {
    const before = this.get(name);
    if (this.#overrides.delete(name)) this.#overridden(name, before, quietly);
  }

  #overridden(name: string, before: XdsResource | undefined, quietly: boolean): void {
    if (quietly || before?.version === this.get(name)?.version || !this.covers(name)) return;
    if (!this.changedNames.has(name)) this.changedNames.set(name, before);
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
    if (!this.names.has(name)) return false;
    this.sent(name, undefined);
    this.names.delete(name);
    if (!(this.noteAll && this.wildcard)) this.changedNames.delete(name);
    const shared = this.log.readersByName.get(name);
    shared?.readers.delete(this);
    if (shared?.readers.size === 0) this.log.readersByName.delete(name);
    return true;
  }

  /** Names of what has changed since it was read last. */
  unread(): string[] {
    const changed = this.wildcard ? this.log.since(this.cursor).map(({ name }) => name) : [];
    return [...new Set([...this.changedNames.keys(), ...changed])];
  }

  /** Whether there are unread resources that weren't there when the log was read last. */
  hasAdditions(): boolean {
    for (const [name, before] of this.changedNames) {
      if (before === undefined && this.get(name) !== undefined) return true;
    }
    return (
      this.wildcard &&
      this.log.since(this.cursor).some(({ resource, created }) => resource !== undefined && created > this.cursor)
    );
  }

  /** Notes which version of a named resource was sent; undefined for its removal. */
  sent(name: string, version: string | undefined): void {
    if (!this.names.has(name)) return;
    if (this.#sentSum !== undefined) this.#sentSum = replaceVersion(this.#sentSum, this.names.get(name), version);
    this.names.set(name, version);
  }

  /** Version of the set of named resources as they were sent last: equal sets have equal ones, on every replica. */
  sentVersion(): string {
    if (this.#sentSum === undefined) {
      this.#sentSum = 0n;
      for (const version of this.names.values()) this.#sentSum = replaceVersion(this.#sentSum, undefined, version);
    }
    return formatVersion(this.#sentSum);
  }

  changed(name: string, before: XdsResource | undefined): void {
    const noted = this.noteAll || this.names.has(name);
    const given = before !== undefined && this.#overrides.has(name) ? this.#overrides.get(name) : before;
    if (noted && !this.changedNames.has(name)) this.changedNames.set(name, given);
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
