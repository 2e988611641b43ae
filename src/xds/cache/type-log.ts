import type { XdsResource } from "./resource.ts";

/** A name, and what became of it at `sequence`. */
export interface LogEntry {
  readonly name: string;
  /** Undefined once it is removed. */
  readonly resource: XdsResource | undefined;
  /** What was removed last. */
  readonly removed: XdsResource | undefined;
  /** Of the last change. */
  readonly sequence: number;
  /** Sequence at which the resource came into being, last time it did. A reader whose cursor is below has never had it. */
  readonly created: number;
}

/** Told of changes to names it subscribes to, or of all changes. */
export interface LogReader {
  /** Everything up to this sequence has been read. Removals are kept until all readers of everything have passed them. */
  readonly cursor: number;
  /** `before` is the resource until this change. */
  changed(name: string, before: XdsResource | undefined): void;
}

/**
 * The resources of one type under one snapshot key, with the log of their changes, compacted to the last change of each name.
 * A change costs O(1) plus its readers, reading costs the number of names changed since.
 */
export interface TypeLog {
  readonly typeUrl: string;
  /** Whether the source of this type has been read whole; before that nothing may be answered. */
  complete: boolean;
  /** Whether a client that has nothing yet may be given what there is before that. */
  ahead: boolean;
  /** Sequence of the newest change. */
  readonly head: number;
  /** Number of resources. */
  readonly size: number;
  get(name: string): XdsResource | undefined;
  /** The resources, in order of first appearance. */
  resources(): IterableIterator<XdsResource>;
  /** Names changed since `cursor`, oldest change first; removals among them only if `cursor` isn't 0. */
  since(cursor: number): LogEntry[];
  /** Hash of the set of (name, version), in hex. */
  version(): string;
  /** Adds or replaces. Returns false, and tells nobody, if it has this version already. */
  set(resource: XdsResource): boolean;
  /** Returns false if there is none. */
  delete(name: string): boolean;
  /** Notes that a proxy has accepted this version, which may be none that was ever in the log. */
  accept(resource: XdsResource): void;
  /** Versions that a proxy has accepted since the resource came into being, the latest first; only the last few. */
  accepted(name: string): readonly XdsResource[];
  /** Readers of everything. */
  readonly readers: Set<LogReader>;
  /** Readers of a name: the first one's string stands for all, so that a thousand streams don't keep a thousand copies. */
  readonly readersByName: Map<string, { readonly name: string; readonly readers: Set<LogReader> }>;
}

interface Entry {
  readonly name: string;
  resource: XdsResource | undefined;
  removed: XdsResource | undefined;
  sequence: number;
  created: number;
  accepted: readonly XdsResource[];
  older: Entry | undefined;
  newer: Entry | undefined;
}

const MODULUS = 1n << 128n;

/** The head before the first change: a cursor of 0 means that nothing was read, not even that there is nothing. */
export const UNCHANGED = 1;

/** So many accepted versions are remembered: one proxy may have refused what another has accepted. */
const ACCEPTED_KEPT = 3;

const NONE: readonly XdsResource[] = [];

export function createTypeLog(typeUrl: string): TypeLog {
  const entries = new Map<string, Entry>();
  const readers = new Set<LogReader>();
  const readersByName: TypeLog["readersByName"] = new Map();
  let newest: Entry | undefined;
  let head = UNCHANGED;
  // A sum mod 2^128 of the versions, which are hashes over name and content. Unlike XOR, equal changes don't cancel each other.
  let sum = 0n;
  let removals = 0;
  let pruneAt = 64;

  function unlink(entry: Entry): void {
    if (entry.newer) entry.newer.older = entry.older;
    else if (newest === entry) newest = entry.older;
    if (entry.older) entry.older.newer = entry.newer;
    entry.older = entry.newer = undefined;
  }

  function append(entry: Entry): void {
    unlink(entry);
    entry.sequence = ++head;
    entry.older = newest;
    if (newest) newest.newer = entry;
    newest = entry;
  }

  function notify(name: string, before: XdsResource | undefined): void {
    for (const reader of readers) reader.changed(name, before);
    for (const reader of readersByName.get(name)?.readers ?? []) reader.changed(name, before);
  }

  /** Forgets removals that every reader has passed. The threshold doubles with what must stay, so this is O(1) per removal. */
  function prune(): void {
    let passed = head;
    for (const reader of readers) if (reader.cursor !== 0) passed = Math.min(passed, reader.cursor);
    for (const entry of entries.values()) {
      if (entry.resource !== undefined || entry.sequence > passed) continue;
      unlink(entry);
      entries.delete(entry.name);
      removals--;
    }
    pruneAt = 2 * (removals + entries.size) + 64;
  }

  return {
    typeUrl,
    complete: false,
    ahead: false,
    readers,
    readersByName,
    get head() {
      return head;
    },
    get size() {
      return entries.size - removals;
    },
    get: (name) => entries.get(name)?.resource,
    *resources() {
      for (const { resource } of entries.values()) if (resource !== undefined) yield resource;
    },
    since(cursor) {
      const found: Entry[] = [];
      for (let entry = newest; entry !== undefined && entry.sequence > cursor; entry = entry.older) {
        if (entry.resource !== undefined || cursor !== 0) found.push(entry);
      }
      return found.toReversed();
    },
    version: () => formatVersion(sum),
    set(resource) {
      let entry = entries.get(resource.name);
      const before = entry?.resource;
      if (entry !== undefined && before?.version === resource.version) {
        // Nobody has to be told, but its origins may have changed.
        entry.resource = resource;
        return false;
      }
      if (entry === undefined) {
        entry = {
          name: resource.name,
          resource: undefined,
          removed: undefined,
          sequence: 0,
          created: 0,
          accepted: NONE,
          older: undefined,
          newer: undefined,
        };
        entries.set(resource.name, entry);
      } else if (before === undefined) {
        removals--;
      }
      append(entry);
      if (before === undefined) entry.created = entry.sequence;
      entry.resource = resource;
      entry.removed = undefined;
      sum = replaceVersion(sum, before?.version, resource.version);
      notify(resource.name, before);
      return true;
    },
    delete(name) {
      const entry = entries.get(name);
      const before = entry?.resource;
      if (entry === undefined || before === undefined) return false;
      append(entry);
      entry.resource = undefined;
      entry.removed = before;
      entry.accepted = NONE;
      removals++;
      sum = replaceVersion(sum, before.version, undefined);
      notify(name, before);
      if (removals + entries.size >= pruneAt) prune();
      return true;
    },
    accept(resource) {
      const entry = entries.get(resource.name);
      if (entry?.resource === undefined || entry.accepted[0]?.version === resource.version) return;
      const others = entry.accepted.filter(({ version }) => version !== resource.version);
      entry.accepted = [resource, ...others].slice(0, ACCEPTED_KEPT);
    },
    accepted: (name) => entries.get(name)?.accepted ?? NONE,
  };
}

/** The version of a set of resources, as `TypeLog.version()` computes it. */
export function setVersion(resources: Iterable<XdsResource>): string {
  let sum = 0n;
  for (const resource of resources) sum += versionNumber(resource);
  return formatVersion(sum % MODULUS);
}

/** The version of a set of which some resources are replaced, from the version of the whole set. */
export function changedSetVersion(version: string, gone: Iterable<XdsResource>, come: Iterable<XdsResource>): string {
  let sum = BigInt(`0x${version}`);
  for (const resource of gone) sum -= versionNumber(resource);
  for (const resource of come) sum += versionNumber(resource);
  return formatVersion(BigInt.asUintN(128, sum));
}

/** A sum of versions after one of them was replaced, came (`before` undefined) or went (`after` undefined). */
export function replaceVersion(sum: bigint, before: string | undefined, after: string | undefined): bigint {
  if (before === after) return sum;
  const number = (version: string | undefined): bigint => (version === undefined ? 0n : BigInt(`0x${version}`));
  return BigInt.asUintN(128, sum + number(after) - number(before));
}

function versionNumber(resource: XdsResource): bigint {
  return BigInt(`0x${resource.version}`);
}

/** A sum of versions as a version. */
export function formatVersion(sum: bigint): string {
  return sum.toString(16).padStart(32, "0");
}
