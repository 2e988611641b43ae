import type { EpoxyError } from "../errors/index.ts";
import { type Ref, type Resource, deepFreeze, parseRefKey, refKey } from "../resources/index.ts";
import type { Problem, WatchEvent } from "./client.ts";
import type { DriverEvent, StoredEntry } from "./driver.ts";
import { compareRefs, inOrder } from "./order.ts";

/**
 * What a watch knows, what its consumer has been told, and the difference: the next event. It holds each key once, however
 * long the consumer takes.
 */
export interface WatchState<T> {
  /** Takes in what the source says. The source is live from here on. */
  apply(event: DriverEvent<T>): void;
  /** The source has failed. What is known stays. */
  fail(error: EpoxyError): void;
  /** The next thing to tell, or undefined. What it returns counts as told. */
  take(): WatchEvent<T> | undefined;
}

/** @param matches whether the consumer wants to see a resource */
export function createWatchState<T extends Resource>(matches: (resource: T) => boolean): WatchState<T> {
  let known = new Map<string, StoredEntry<T>>();
  /** Versions by key. */
  const told = new Map<string, string>();
  /** Keys in which `known` and `told` may differ. */
  let unsettled = new Set<string>();
  let synced = false;
  let stateTold = false;
  /** Of what isn't told yet. */
  let seenAt: number | undefined;
  let problems: readonly Problem[] = [];
  let problemsTold = "[]";
  let failure: EpoxyError | undefined;
  /** What was said of it. Undefined: that nothing is the matter. */
  let failureTold: string | undefined;

  /** An equal version keeps the object known already, so that consumers can compare by identity. */
  const keep = (entry: StoredEntry<T>, key: string): StoredEntry<T> => {
    const before = known.get(key);
    return before?.version === entry.version ? before : entry;
  };

  const replaceAll = (entries: readonly StoredEntry<T>[]): void => {
    const next = new Map<string, StoredEntry<T>>();
    const present = new Set<string>();
    for (const entry of entries) {
      const key = refKey(entry.ref);
      present.add(key);
      if (matches(entry.resource)) next.set(key, keep(entry, key));
    }
    for (const { ref } of problems) {
      if (ref === undefined) continue;
      const key = refKey(ref);
      const lastGood = known.get(key);
      if (lastGood !== undefined && !present.has(key)) next.set(key, lastGood);
    }
    unsettled = new Set([...told.keys(), ...next.keys()]);
    known = next;
  };

  const replaceSome = (changed: readonly StoredEntry<T>[], removed: readonly Ref[]): void => {
    for (const entry of changed) {
      const key = refKey(entry.ref);
      if (matches(entry.resource)) known.set(key, keep(entry, key));
      else known.delete(key);
      unsettled.add(key);
    }
    for (const ref of removed) {
      const key = refKey(ref);
      known.delete(key);
      unsettled.add(key);
    }
  };

  const currentProblems = (): readonly Problem[] =>
    problems.map((problem) =>
      problem.ref === undefined || problem.lastGoodKept
        ? problem
        : { ...problem, lastGoodKept: known.has(refKey(problem.ref)) },
    );

  const takeState = (): WatchEvent<T> => {
    stateTold = true;
    seenAt = undefined;
    unsettled.clear();
    for (const [key, entry] of known) told.set(key, entry.version);
    const current = currentProblems();
    problemsTold = problemsText(current);
    return { type: "state", items: inOrder([...known.values()].map(frozenResource)), problems: current };
  };

  const takeChanges = (): WatchEvent<T> | undefined => {
    const changed: T[] = [];
    const removed: Ref[] = [];
    for (const key of unsettled) {
      const entry = known.get(key);
      if (entry === undefined) {
        if (told.delete(key)) removed.push(parseRefKey(key));
      } else if (told.get(key) !== entry.version) {
        told.set(key, entry.version);
        changed.push(frozenResource(entry));
      }
    }
    unsettled.clear();
    const seen = seenAt === undefined ? {} : { seenAt };
    seenAt = undefined;
    const current = currentProblems();
    const text = problemsText(current);
    if (changed.length === 0 && removed.length === 0 && text === problemsTold) return undefined;
    problemsTold = text;
    return {
      type: "changes",
      changed: inOrder(changed),
      removed: removed.sort(compareRefs),
      problems: current,
      ...seen,
    };
  };

  return {
    apply(event) {
      failure = undefined;
      synced = true;
      problems = event.problems;
      if (event.type === "state") replaceAll(event.entries);
      else {
        replaceSome(event.changed, event.removed);
        // The earliest is that of what has waited longest.
        seenAt ??= event.seenAt;
      }
    },
    fail(error) {
      failure = error;
    },
    take() {
      if (failureTold !== undefined && failure === undefined) {
        failureTold = undefined;
        return { type: "live" };
      }
      if (synced) {
        const event = stateTold ? takeChanges() : takeState();
        if (event !== undefined) return event;
      }
      if (failure !== undefined && failureTold !== failure.message) {
        failureTold = failure.message;
        return { type: "stale", error: failure };
      }
      return undefined;
    },
  };
}

const frozenResource = <T>(entry: StoredEntry<T>): T =>
  Object.isFrozen(entry.resource) ? entry.resource : deepFreeze(entry.resource);

const problemsText = (problems: readonly Problem[]): string =>
  JSON.stringify(
    problems.map(({ ref, location, error, lastGoodKept }) => [ref, location, error.message, lastGoodKept]),
  );
