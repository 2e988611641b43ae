import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as breath } from "node:timers/promises";
import { type FileLock, withFileLock } from "../../storage/file/index.ts";
import { joinedPart, piecesOf, type XdsPart, type XdsPiece } from "../../xds/index.ts";
import type { Logger } from "../logger.ts";
import { type Journal, openJournal } from "./journal.ts";
import { type SectionedMap, sectionedMap } from "./sectioned-map.ts";

/** How a value is saved: as JSON, and apart from it the bytes that it shares with others, which are saved once. */
export interface SavedForm<T> {
  split(value: T): { readonly json: unknown; readonly parts: readonly XdsPart[] };
  /** The reverse. */
  join(json: any, parts: readonly XdsPart[]): T;
}

/** Values by key. Sets and deletes are noted at once, and written soon. */
export interface SavedSection<T> {
  get(key: string): T | undefined;
  has(key: string): boolean;
  keys(): string[];
  set(key: string, value: T): void;
  delete(key: string): void;
}

/**
 * What a control plane has to know of its former life, in a folder of its own. It is best effort: that it can't be read or written is
 * logged and changes nothing else.
 */
export interface SavedState extends AsyncDisposable {
  /** Names of the sections that hold something. */
  sections(): string[];
  section<T>(name: string, form: SavedForm<T>): SavedSection<T>;
  /** Writes what is noted. Idempotent. */
  close(): Promise<void>;
}

export interface SavedStateOptions {
  /** Made if absent. Of one process at a time; another one only reads it. */
  readonly folder: string;
  /** Most bytes to keep; beyond that the largest sections are given up. Default 256 MB. */
  readonly maxBytes?: number | undefined;
  /** Resolves when proxies aren't busy with a change: writing waits for it. Default: they never are. */
  readonly quiet?: ((signal: AbortSignal) => Promise<void>) | undefined;
  readonly logger: Logger;
}

const DEFAULT_MAX_BYTES = 256_000_000;
/** Milliseconds to wait for the folder of a forerunner that is about to end. */
const LOCK_PATIENCE_MS = 1_000;
/** Milliseconds after the opening in which nothing is written: who starts has more urgent things to do, and the state of before is still good. */
const START_MS = 2_000;
/** Milliseconds that a change waits for others to be written with, and for what it is about to be on its way to the proxies. */
const DELAY_MS = 50;
/** So many values are encoded at a time; what is left then waits this many times as long as they took: saving must not keep traffic waiting. */
const BATCH = 50;
const PAUSE = 3;

/** Opens the folder's state. Never throws: what can't be used is logged, and then there is none. */
export async function openSavedState(options: SavedStateOptions): Promise<SavedState> {
  const { folder, logger } = options;
  const path = join(folder, "state");
  let held: HeldLock | undefined;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // The data directory may be a Git work tree.
    await writeFile(join(folder, ".gitignore"), "*\n");
    held = await holdLock(path);
    if (held === undefined) {
      logger.warn(
        { folder },
        `${folder} is in use by another process: this one reads its state, but keeps none itself`,
      );
    }
    const onIgnored = (reason: string): void =>
      logger.warn({ file: path }, `the saved state ${path} is ignored: ${reason}`);
    return createSavedState(await openJournal(path, onIgnored, held === undefined), held, options);
  } catch (error) {
    await held?.release();
    logger.warn({ folder, err: error }, `no state is kept in ${folder}: ${(error as Error).message}`);
  }
  return noSavedState;
}

const noSection: SavedSection<never> = {
  get: () => undefined,
  has: () => false,
  keys: () => [],
  set() {},
  delete() {},
};

/** Remembers nothing. */
export const noSavedState: SavedState = {
  sections: () => [],
  section: () => noSection,
  close: async () => {},
  [Symbol.asyncDispose]: async () => {},
};

interface HeldLock {
  readonly lock: FileLock;
  release(): Promise<void>;
}

/** Undefined: another process, or another control plane of this one, has it. */
async function holdLock(path: string): Promise<HeldLock | undefined> {
  const released = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<FileLock | undefined>();
  const timer = setTimeout(() => taken.resolve(undefined), LOCK_PATIENCE_MS);
  const impatient = AbortSignal.timeout(LOCK_PATIENCE_MS);
  const running = withFileLock(path, impatient, async (lock) => {
    taken.resolve(lock);
    if ((await taken.promise) === lock) await released.promise;
  }).catch((error: unknown) => (impatient.aborted ? taken.resolve(undefined) : taken.reject(error)));
  const lock = await taken.promise.finally(() => clearTimeout(timer));
  return (
    lock && {
      lock,
      async release() {
        released.resolve();
        await running;
      },
    }
  );
}

interface Pending {
  readonly form: SavedForm<any>;
  readonly value: unknown;
}

/** The section of the bytes of parts, by digest. */
const PARTS = "";

type Edits = SectionedMap<Buffer | undefined>;

/** Without a lock it is only read. */
function createSavedState(journal: Journal, held: HeldLock | undefined, options: SavedStateOptions): SavedState {
  const { folder, logger, maxBytes = DEFAULT_MAX_BYTES, quiet = async () => {} } = options;
  /** How many values have a part, by its digest. */
  const uses = new Map<string, number>();
  const givenUp = new Set<string>();
  let pending = sectionedMap<Pending | undefined>();
  /** Being written; still what reads have to see. */
  let inFlight: SectionedMap<Pending | undefined> | undefined;
  let writing: Promise<void> | undefined;
  let isOver = held === undefined;
  let failure: string | undefined;
  const opened = performance.now();
  const ending = new AbortController();

  const use = (digests: readonly string[], by: number): void => {
    for (const digest of digests) uses.set(digest, (uses.get(digest) ?? 0) + by);
  };
  for (const section of journal.sections()) {
    if (section === PARTS) continue;
    for (const key of journal.keys(section)) use(digestsIn(journal.get(section, key)), 1);
  }

  /** What is noted of a value and isn't written yet. */
  const notedIn = (section: string, key: string): SectionedMap<Pending | undefined> | undefined =>
    pending.has(section, key) ? pending : inFlight?.has(section, key) === true ? inFlight : undefined;

  function has(section: string, key: string): boolean {
    if (givenUp.has(section)) return false;
    const noted = notedIn(section, key);
    return noted === undefined ? journal.has(section, key) : noted.get(section, key) !== undefined;
  }

  function keysOf(section: string): Set<string> {
    const keys = new Set(givenUp.has(section) ? [] : journal.keys(section));
    for (const noted of givenUp.has(section) ? [] : [inFlight, pending]) {
      for (const [key, next] of noted?.entries(section) ?? []) {
        if (next === undefined) keys.delete(key);
        else keys.add(key);
      }
    }
    return keys;
  }

  function read<T>(section: string, key: string, form: SavedForm<T>): T | undefined {
    if (givenUp.has(section)) return undefined;
    const noted = notedIn(section, key);
    if (noted !== undefined) return noted.get(section, key)?.value as T | undefined;
    const value = journal.get(section, key);
    if (value === undefined) return undefined;
    const { json, parts } = parse(value);
    // The journal's own checksums vouch for the bytes: no need to hash them again.
    const found = parts.flatMap((ref): XdsPart[] => {
      const [, origin, digests] = ref;
      const pieces = pieceDigests(ref).flatMap((it): XdsPiece[] => {
        const bytes = journal.get(PARTS, it);
        return bytes === undefined ? [] : [{ bytes, digest: it }];
      });
      if (digests !== undefined) return pieces.length < digests.length ? [] : [joinedPart(pieces, origin ?? undefined)];
      return pieces.map((piece) => ({ ...piece, origin: origin ?? undefined }));
    });
    if (found.length < parts.length) return undefined;
    return form.join(json, found);
  }

  /** Adds to `edits` what makes a value so, or absent. */
  function edit(edits: Edits, section: string, key: string, next: Pending | undefined): void {
    const { json, parts } = next === undefined ? { json: undefined, parts: [] } : next.form.split(next.value);
    const text = next && Buffer.from(JSON.stringify({ json, parts: parts.map(partRef) }));
    const now = valueAfter(edits, section, key);
    if (text === undefined ? now === undefined : now?.equals(text) === true) return;
    edits.set(section, key, text);
    const before = digestsIn(now);
    const pieces = parts.flatMap(piecesOf);
    const after = pieces.map(({ digest }) => digest);
    use(after, 1);
    use(before, -1);
    for (const { digest, bytes } of pieces) {
      if (edits.has(PARTS, digest) ? edits.get(PARTS, digest) === undefined : !journal.has(PARTS, digest)) {
        edits.set(PARTS, digest, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      }
    }
    for (const digest of before) {
      if (uses.get(digest) !== 0) continue;
      uses.delete(digest);
      edits.set(PARTS, digest, undefined);
    }
  }

  const valueAfter = (edits: Edits, section: string, key: string): Buffer | undefined =>
    edits.has(section, key) ? edits.get(section, key) : journal.get(section, key);

  function bytesAfter(edits: Edits): number {
    let bytes = journal.liveBytes;
    for (const [section, key, value] of edits) {
      const name = section.length + key.length;
      if (journal.has(section, key)) bytes -= name + journal.sizeOf(section, key);
      if (value !== undefined) bytes += name + value.length;
    }
    return bytes;
  }

  /** Gives up the largest sections until the rest fits. Half of one would be worse than nothing: what it lacks would be taken for deleted. */
  function fit(edits: Edits): void {
    const keysAfter = (name: string): Set<string> =>
      new Set([...journal.keys(name), ...[...edits.entries(name)].map(([key]) => key)]);
    const sizeOf = (name: string): number => {
      let size = 0;
      for (const key of keysAfter(name)) {
        const value = valueAfter(edits, name, key);
        size += value?.length ?? 0;
        for (const digest of digestsIn(value)) size += valueAfter(edits, PARTS, digest)?.length ?? 0;
      }
      return size;
    };
    while (bytesAfter(edits) > maxBytes) {
      const names = new Set([...journal.sections(), ...edits.sections()]);
      const sizes = [...names].filter((name) => name !== PARTS).map((name) => ({ name, size: sizeOf(name) }));
      const largest = sizes.toSorted((a, b) => b.size - a.size)[0];
      if (largest === undefined || largest.size === 0) return;
      const { name, size } = largest;
      logger.warn(
        { section: name, bytes: size, maxBytes },
        `the state in ${folder} would be larger than ${maxBytes} bytes: "${name}" (${size} bytes) isn't kept any more`,
      );
      givenUp.add(name);
      for (const key of keysAfter(name)) edit(edits, name, key, undefined);
    }
  }

  async function writePending(): Promise<void> {
    while (pending.size > 0 && !isOver) {
      // Changes that came together are written together.
      inFlight = pending;
      pending = sectionedMap();
      const edits: Edits = sectionedMap();
      let count = 0;
      let begun = performance.now();
      for (const [section, key, next] of inFlight) {
        if (!givenUp.has(section)) edit(edits, section, key, next);
        if (++count % BATCH !== 0) continue;
        await pause(PAUSE * (performance.now() - begun));
        begun = performance.now();
      }
      fit(edits);
      if ((await held?.lock.isHeld()) !== true) {
        isOver = true;
        logger.warn({ folder }, `${folder} was taken over by another process: no state is kept any more`);
        return;
      }
      await journal.write(edits);
      inFlight = undefined;
      if (failure !== undefined) logger.info({ folder }, `the state is kept in ${folder} again`);
      failure = undefined;
    }
  }

  /** Cut short by `close`. */
  let endPause = (): void => {};
  const pause = async (milliseconds: number): Promise<void> => {
    if (milliseconds <= 0 || ending.signal.aborted) return await breath();
    // No abortable sleep: one begins while a change is on its way to the proxies, and takes a tenth of a millisecond of that.
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    try {
      await quiet(ending.signal);
    } catch {
      // It is closed: what is left is written at once.
    }
  };
  const start = (): void => {
    writing ??= pause(Math.max(DELAY_MS, opened + START_MS - performance.now()))
      .then(writePending)
      .catch((error: unknown) => {
        const { message } = error as Error;
        if (message !== failure) logger.warn({ folder, err: error }, `the state isn't kept: ${message}`);
        failure = message;
      })
      .finally(() => {
        inFlight = undefined;
        writing = undefined;
        // What came at the very end. What couldn't be written waits for the next change.
        if (pending.size > 0 && failure === undefined && !isOver) start();
      });
  };
  const note = (section: string, key: string, next: Pending | undefined): void => {
    if (isOver) return;
    pending.set(section, key, next);
    start();
  };

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= (async () => {
      ending.abort();
      endPause();
      for (let running = writing; running !== undefined; running = writing) await running;
      isOver = true;
      await journal.close();
      await held?.release();
    })());
  return {
    sections() {
      const names = new Set([...journal.sections(), ...(inFlight?.sections() ?? []), ...pending.sections()]);
      return [...names].filter((name) => name !== PARTS && keysOf(name).size > 0);
    },
    section: (name, form) => ({
      get: (key) => read(name, key, form),
      has: (key) => has(name, key),
      keys: () => [...keysOf(name)],
      set(key, value) {
        if (!givenUp.has(name)) note(name, key, { form, value });
      },
      delete(key) {
        if (has(name, key)) note(name, key, undefined);
      },
    }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

type PartRef = [digest: string, origin?: string | null, pieces?: readonly string[]];

const partRef = ({ digest, origin, pieces }: XdsPart): PartRef => {
  if (pieces !== undefined) return [digest, origin ?? null, pieces.map((piece) => piece.digest)];
  return origin === undefined ? [digest] : [digest, origin];
};

/** Under which the bytes of a part are saved. */
const pieceDigests = ([digest, , pieces]: PartRef): readonly string[] => pieces ?? [digest];

const digestsIn = (value: Buffer | undefined): readonly string[] =>
  value === undefined ? [] : parse(value).parts.flatMap(pieceDigests);

const parse = (value: Buffer) =>
  JSON.parse(value.toString()) as { readonly json: unknown; readonly parts: readonly PartRef[] };
