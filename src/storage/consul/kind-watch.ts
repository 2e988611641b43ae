import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import {
  type BlockingAnswer,
  blockingQuery,
  type ConsulClient,
  type ConsulConsistency,
  type KvListing,
  type StoreIdentity,
} from "../../consul/index.ts";
import { EpoxyError } from "../../errors/index.ts";
import type { Kind, Ref, Resource } from "../../resources/index.ts";
import type { Problem } from "../client.ts";
import type { DriverEvent } from "../driver.ts";
import { createEventQueue, type EventQueue } from "../event-queue.ts";
import type { KeyLayout } from "./key-layout.ts";
import { checkReadable } from "./key-permission.ts";
import { createKindState, type KindChange } from "./kind-state.ts";

export interface KindWatchOptions<T extends Resource> {
  readonly client: ConsulClient;
  readonly kind: Kind<T>;
  readonly layout: KeyLayout;
  readonly identity: StoreIdentity;
  readonly consistency: ConsulConsistency;
}

/** Watches all keys of a kind by one blocking query, for any number of watchers. */
export interface KindWatch<T> {
  /** See `StorageDriver.watch`. Its first state is as new as the call. */
  watch(namespaces: readonly string[] | undefined, signal: AbortSignal): AsyncIterable<DriverEvent<T>>;
}

interface Watcher<T> {
  readonly namespaces: readonly string[] | undefined;
  readonly queue: EventQueue<DriverEvent<T>>;
  hasState: boolean;
}

/** A Consul that came back with other data, until an operator says what to make of it. */
interface Reset {
  /** Undefined where the token may not read or write it. */
  readonly identity: string | undefined;
}

/** Of the event loop: for the graph, for the streams, and one more. */
const TURNS = 3;
/**
 * Before a prefix without keys is asked for again. Consul answers such a query at every write of any key (the index of a prefix that isn't there is that of the
 * whole store), so all kinds of which there is nothing would get in the way of each change.
 */
const EMPTY_PAUSE_MS = 20;

export function createKindWatch<T extends Resource>(options: KindWatchOptions<T>): KindWatch<T> {
  const { client, kind, layout, identity, consistency } = options;
  const state = createKindState(kind, layout);
  const watchers = new Set<Watcher<T>>();
  /** Identity of the store that the state is of. */
  let store: string | undefined;
  let reset: Reset | undefined;
  let lastIndex = 0;
  /** The answer that the state is of. */
  let last: KvListing | undefined;
  let problems: readonly Problem[] = [];
  let running: AbortController | undefined;
  let isScheduled = false;

  /** Whether the answer comes of other data than the state. */
  async function isReplaced(answer: BlockingAnswer<KvListing>, signal: AbortSignal): Promise<boolean> {
    const now = await identity.current(signal);
    if (store === undefined || now === undefined) {
      if (store !== undefined) {
        const text = `Consul's token may no longer read the keys below ${layout.prefix}: docs/consul.md prints the policy that is needed`;
        throw new EpoxyError("unavailable", text);
      }
      const isOther = answer.wentBack && state.size > 0 && !state.hasSurvivor(answer.value.entries());
      if (isOther) reset = { identity: now };
      else store = now;
      return isOther;
    }
    if (now === store) reset = undefined;
    const isOther = now !== store && now !== reset?.identity;
    if (isOther) reset = { identity: now };
    return isOther;
  }

  function take(answer: KvListing, replaced: boolean): KindChange<T> {
    const change =
      replaced || last === undefined
        ? state.apply(answer.entries(), replaced)
        : state.applyChanges(answer.changesSince(last));
    last = answer;
    return change;
  }

  function tell(change: KindChange<T>, seenAt: number): void {
    const known = reset === undefined ? state.problems : [...state.problems, heldProblem(reset)];
    const isNews = change.changed.length > 0 || change.removed.length > 0 || !sameProblems(known, problems);
    problems = known;
    for (const watcher of watchers) {
      const covers = (ref: Ref): boolean =>
        watcher.namespaces === undefined || watcher.namespaces.includes(ref.namespace);
      const seen = problems.filter(({ ref }) => ref === undefined || covers(ref));
      if (!watcher.hasState) {
        watcher.hasState = true;
        watcher.queue.push({ type: "state", entries: state.entries.filter(({ ref }) => covers(ref)), problems: seen });
      } else if (isNews) {
        const changed = change.changed.filter(({ ref }) => covers(ref));
        watcher.queue.push({
          type: "changes",
          changed,
          removed: change.removed.filter(covers),
          problems: seen,
          seenAt,
        });
      }
    }
  }

  function heldProblem({ identity: now }: Reset): Problem {
    const lost = `Consul at ${client.address} came back without the data it had; ${state.heldCount} of ${kind.kind} that it lost are kept as they were`;
    const accept = now === undefined ? "restart this process" : identity.command(now);
    const error = new EpoxyError("unavailable", `${lost}. Restore its data, or accept the loss: ${accept}`);
    return { ref: undefined, location: { source: layout.prefix }, error, lastGoodKept: true };
  }

  /** Waits for the operator; then reads all anew. */
  async function awaitDecision(now: string, signal: AbortSignal): Promise<void> {
    const decision = await identity.decision(now, signal);
    if (decision === "accepted") store = now;
    start();
  }

  async function run(controller: AbortController): Promise<void> {
    const { signal } = controller;
    let awaited: string | undefined;
    const ask = (index: number | undefined) => client.kvList(layout.prefix, { signal, index, consistency });
    try {
      let isFirst = true;
      for await (const answer of blockingQuery(ask, signal, lastIndex)) {
        const isDoubtful = isFirst || answer.wentBack || (answer.value.isEmpty && state.size > 0);
        const isOther = isDoubtful && (await isReplaced(answer, signal));
        if (isFirst && answer.value.isEmpty) {
          for (const { namespaces } of watchers) await checkReadable(client, layout, namespaces, signal);
        }
        if (signal.aborted) return;
        isFirst = false;
        lastIndex = answer.index;
        if (reset === undefined) state.release();
        const change = take(answer.value, isOther);
        // Nothing is missing (any more): there is nothing to decide.
        if (reset !== undefined && state.heldCount === 0) {
          store = reset.identity;
          reset = undefined;
        }
        tell(change, answer.answeredAt);
        if (reset?.identity !== undefined && reset.identity !== awaited) {
          awaited = reset.identity;
          awaitDecision(awaited, signal).catch(fail);
        }
        // What is made of it goes first: to ask anew takes as long as that.
        if (answer.value.isEmpty) await sleep(EMPTY_PAUSE_MS, undefined, { signal });
        else for (let turn = 0; turn < TURNS; turn++) await nextTurn();
      }
    } catch (error) {
      fail(error);
    }

    function fail(error: unknown): void {
      if (signal.aborted) return;
      controller.abort();
      running = undefined;
      for (const { queue } of watchers) queue.fail(error);
      watchers.clear();
    }
  }

  function start(): void {
    running?.abort();
    running = undefined;
    if (watchers.size === 0) return;
    running = new AbortController();
    void run(running);
  }

  return {
    async *watch(namespaces, signal) {
      const watcher: Watcher<T> = { namespaces, queue: createEventQueue(), hasState: false };
      watchers.add(watcher);
      // A new watcher is owed a state that was read after it came; those that come together share one reading.
      if (!isScheduled) {
        isScheduled = true;
        setImmediate(() => {
          isScheduled = false;
          start();
        });
      }
      try {
        yield* watcher.queue.read(signal);
      } finally {
        watchers.delete(watcher);
        if (watchers.size === 0) start();
      }
    },
  };
}

const sameProblems = (a: readonly Problem[], b: readonly Problem[]): boolean =>
  a.length === b.length && a.every((problem, i) => problem === b[i] || problem.error.message === b[i]?.error.message);
