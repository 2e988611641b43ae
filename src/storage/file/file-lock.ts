import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { lstat, readFile, symlink, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EpoxyError } from "../../errors/index.ts";
import { fileError, hasErrno } from "./file-snapshot.ts";
import { shortened } from "./layout.ts";

/*
 * Processes that write one file take turns by a lock: a symbolic link beside it, whose target names the owner. A link is
 * made in one step with its content, or fails if there is one. The kernel doesn't remove it when its owner dies, so a waiter
 * looks whether the owner lives. Removing a dead owner's lock is itself done under a lock that bears the dead owner's unique token:
 * so nobody can remove a lock that was taken anew in between.
 */

/** Milliseconds after which a lock of a process that can't be looked at (another machine or container) counts as abandoned. */
const lease = 10_000;
/** Milliseconds to wait for a lock. */
const patience = 15_000;

export interface FileLock {
  /** Unique to this holding; marks the temporary file written under it. */
  readonly token: string;
  /** Whether it is ours still: a process that slept past its lease may have lost it. */
  isHeld(): Promise<boolean>;
}

interface Owner {
  readonly pid: string;
  readonly started: string;
  /** Processes of one system see each other's ids. */
  readonly system: string;
  readonly token: string;
}

/** Last holder or waiter per path, in this process. */
const turns = new Map<string, Promise<void>>();

/** Runs `run` while no other lock holder, in any process, runs on this path. @throws `unavailable` if that takes too long */
export async function withFileLock<R>(
  path: string,
  signal: AbortSignal,
  run: (lock: FileLock) => Promise<R>,
): Promise<R> {
  const turn = Promise.withResolvers<void>();
  const before = turns.get(path);
  turns.set(path, turn.promise);
  try {
    await before;
    return await runLocked(path, signal, run);
  } finally {
    turn.resolve();
    if (turns.get(path) === turn.promise) turns.delete(path);
  }
}

async function runLocked<R>(path: string, signal: AbortSignal, run: (lock: FileLock) => Promise<R>): Promise<R> {
  const lockPath = lockPathOf(path);
  const token = randomBytes(8).toString("hex");
  const mark = ownerText({ ...thisProcess(), token });
  await acquire(lockPath, mark, path, signal);
  try {
    return await run({ token, isHeld: async () => (await readOwner(lockPath)) === mark });
  } finally {
    if ((await readOwner(lockPath)) === mark) await unlink(lockPath);
  }
}

async function acquire(lockPath: string, mark: string, path: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + patience;
  for (let pause = 1; ; pause = Math.min(pause * 2, 32)) {
    signal.throwIfAborted();
    if (await tryAcquire(lockPath, mark)) return;
    const holder = await readOwner(lockPath);
    if (holder === undefined) continue;
    if (await isAbandoned(lockPath, holder)) {
      await breakLock(lockPath, holder);
      continue;
    }
    if (Date.now() > deadline) {
      const message = `${path} is being written by process ${parseOwner(holder).pid} for more than ${patience / 1000} s (${lockPath})`;
      throw new EpoxyError("unavailable", message, { location: { source: path } });
    }
    await sleep(pause * (0.5 + Math.random()), undefined, { signal });
  }
}

async function tryAcquire(lockPath: string, mark: string): Promise<boolean> {
  try {
    await symlink(mark, lockPath);
    return true;
  } catch (error) {
    if (hasErrno(error, "EEXIST")) return false;
    if (hasErrno(error, "EACCES", "EPERM", "EROFS")) {
      const folder = dirname(lockPath);
      const remedy = "give this process the right to write there; statuses can go to a status directory instead";
      const message = `${folder} can't be written to (${(error as Error).message}): ${remedy}`;
      throw new EpoxyError("unavailable", message, { cause: error, location: { source: folder } });
    }
    throw fileError(error, lockPath);
  }
}

/** Removes the lock of a dead owner, and what it was writing. Does nothing if the lock has changed hands. */
export async function breakLock(lockPath: string, holder: string): Promise<void> {
  const { token } = parseOwner(holder);
  const right = join(dirname(lockPath), `.${token}${lockSuffix}`);
  const mark = ownerText({ ...thisProcess(), token: randomBytes(8).toString("hex") });
  if (!(await tryAcquire(right, mark))) {
    const other = await readOwner(right);
    if (other !== undefined && (await isAbandoned(right, other))) await breakLock(right, other);
    return;
  }
  try {
    if ((await readOwner(lockPath)) !== holder) return;
    await unlink(temporaryPathBeside(lockPath, token)).catch(ignoreAbsent);
    await unlink(lockPath);
  } finally {
    await unlink(right);
  }
}

/** Whether a lock's owner is dead, or can't be looked at and has had its time. */
export async function isAbandoned(lockPath: string, holder: string): Promise<boolean> {
  const owner = parseOwner(holder);
  const self = thisProcess();
  if (owner.system === self.system) return owner.started !== (await startOf(owner.pid));
  const taken = await lstat(lockPath).catch(ignoreAbsent);
  return taken !== undefined && Date.now() - taken.mtimeMs > lease;
}

/** The owner's mark, or undefined if nobody holds the lock. */
export async function readOwner(lockPath: string): Promise<string | undefined> {
  try {
    // At once: a trip to the thread pool takes far longer.
    return readlinkSync(lockPath);
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw fileError(error, lockPath);
  }
}

const lockSuffix = ".epoxy-lock";
const temporarySuffix = ".epoxy-tmp";

const lockPathOf = (path: string): string => join(dirname(path), `.${shortened(basename(path))}${lockSuffix}`);

/** Where the holder of the lock with this token writes before it renames. */
export const temporaryPathBeside = (path: string, token: string): string =>
  join(dirname(path), `.${token}${temporarySuffix}`);

export const isLockFile = (name: string): boolean => name.startsWith(".") && name.endsWith(lockSuffix);
export const isTemporaryFile = (name: string): boolean => name.startsWith(".") && name.endsWith(temporarySuffix);

const ignoreAbsent = (error: unknown): undefined => {
  if (!hasErrno(error, "ENOENT")) throw error;
};

const ownerText = ({ pid, started, system, token }: Owner): string => [pid, started, system, token].join(":");

function parseOwner(text: string): Owner {
  const [pid = "", started = "", system = "", token = ""] = text.split(":");
  return { pid, started, system, token };
}

let self: Omit<Owner, "token"> | undefined;

function thisProcess(): Omit<Owner, "token"> {
  if (self !== undefined) return self;
  const pid = String(process.pid);
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const space = readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
    self = { pid, started: startInStat(readFileSync("/proc/self/stat", "utf8")), system: `${boot}.${space}` };
  } catch {
    // No Linux: whether a process lives is all that can be told.
    self = { pid, started: "alive", system: hostname() };
  }
  return self;
}

/** When the process started, in the system's own units; undefined if there is none. Guards against a process id used anew. */
async function startOf(pid: string): Promise<string | undefined> {
  if (thisProcess().started !== "alive") {
    return await readFile(`/proc/${pid}/stat`, "utf8").then(startInStat, () => undefined);
  }
  try {
    process.kill(Number(pid), 0);
    return "alive";
  } catch (error) {
    return hasErrno(error, "EPERM") ? "alive" : undefined;
  }
}

/** Field 22 of proc_pid_stat(5). The second, the command in parentheses, may hold anything. A zombie writes no more. */
function startInStat(stat: string): string {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? "dead" : (fields[19] ?? "");
}
