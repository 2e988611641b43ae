import { setTimeout as sleep } from "node:timers/promises";
import { type ConsulClient, followQuery, type KvEntry, type SessionGuard } from "../consul/index.ts";
import { EpoxyError } from "../errors/index.ts";
import type { LeaderElection } from "./leader-election.ts";

export interface ConsulElectionOptions {
  readonly client: ConsulClient;
  /** Key of the lock; all processes that elect one among them have the same. */
  readonly key: string;
  /** Who this process is, for people: the value of the key while it leads. */
  readonly identity: string;
  /**
   * Seconds, default 10, Consul's least. A leader that is heard of no more is succeeded after as long; one that ends properly at once. A
   * leader that can't reach Consul gives up by then.
   */
  readonly ttl?: number | undefined;
  /** Told why the election can't be held, such as a missing permission, and once it can (undefined). */
  readonly onProblem?: ((problem: string | undefined) => void) | undefined;
}

/** An election by a session's lock on a key of Consul. */
export interface ConsulElection extends LeaderElection {
  /**
   * What each write of the leader has to carry: Consul does it only while this process holds the lock.
   * @throws `unavailable` if this process doesn't lead
   */
  guard(): SessionGuard;
}

/** Between attempts while nobody has the lock, and it can't be had: a lock delay of somebody's session. */
const RETRY_MS = 500;

/**
 * Takes part in an election by Consul. The leader renews its session and rewrites the key's value three times within the TTL. Consul
 * itself ends a silent session only after twice its TTL, so that a follower that has seen no sign of life for the TTL ends it. That is safe,
 * even if the leader only slept: all its writes are guarded. For the same reason no lock delay is needed.
 */
export function consulElection(options: ConsulElectionOptions): ConsulElection {
  const { client, key, identity, ttl = 10, onProblem } = options;
  const ttlMs = ttl * 1000;
  const listeners = new Set<(isLeader: boolean) => void>();
  const closing = new AbortController();
  /** Of the campaign. */
  let ending = closing.signal;
  let session: string | undefined;
  let creating: Promise<string> | undefined;
  /** Who has the lock, as it was seen last. */
  let holder: string | undefined;
  let leads = false;
  /** Until when the session is good for sure, whatever Consul can't tell us. */
  let goodUntil = 0;
  let expiry: NodeJS.Timeout | undefined;
  let taking: AbortController | undefined;
  let problem: string | undefined;
  let running: Promise<void> | undefined;

  const isLeader = (): boolean => leads && performance.now() < goodUntil;

  function lead(on: boolean): void {
    if (!on) clearTimeout(expiry);
    if (leads === on) return;
    leads = on;
    for (const listener of listeners) listener(on);
  }

  /** Counted from when the renewal was asked for: Consul's own clock starts later. */
  function extend(askedAt: number): void {
    goodUntil = askedAt + ttlMs;
    clearTimeout(expiry);
    expiry = setTimeout(() => lead(false), goodUntil - performance.now()).unref();
  }

  function guard(): SessionGuard {
    if (session !== undefined && isLeader()) return { key, session };
    throw new EpoxyError("unavailable", `not written: this process doesn't hold the lock ${key} (any more)`);
  }

  function setProblem(error: unknown): void {
    const next = error === undefined ? undefined : (error as Error).message;
    if (next === problem) return;
    problem = next;
    onProblem?.(next);
  }

  const sessionOf = (): Promise<string> =>
    (creating ??= client.sessions.create({ name: `epoxy ${identity}`, ttl }, { signal: ending }).then(
      (created) => (session = created),
      (error: unknown) => {
        creating = undefined;
        throw error;
      },
    ));

  async function renew(signal: AbortSignal): Promise<void> {
    const asked = performance.now();
    const mine = await sessionOf();
    if (!(await client.sessions.renew(mine, { signal }))) {
      session = creating = undefined;
      lead(false);
      await sessionOf();
    } else if (leads) {
      await signOfLife({ key, session: mine }, signal);
      extend(asked);
    } else if (holder === mine && taking === undefined) {
      // It has slept, or could not reach Consul, for so long that it gave up, and nobody took over.
      void take();
    }
  }

  /** Changes the key. The value is for people; that it changes is for followers. */
  async function signOfLife(held: SessionGuard, signal: AbortSignal): Promise<void> {
    const { value } = await client.kvRead(key, { signal, consistency: "consistent" });
    if (value?.session !== held.session) lead(false);
    else await client.kvPut(key, valueOf(identity), value.modifyIndex, { signal, guard: held });
  }

  async function renewForever(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let pause = ttlMs / 3;
      try {
        await renew(signal);
        setProblem(undefined);
      } catch (error) {
        if (signal.aborted) return;
        setProblem(error);
        pause = Math.min(ttlMs / 10, 1_000);
      }
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }

  /** Tries to get the lock until it is seen in somebody's hands. */
  async function take(): Promise<void> {
    taking?.abort();
    const attempt = (taking = new AbortController());
    const signal = AbortSignal.any([ending, attempt.signal]);
    while (!signal.aborted) {
      try {
        const asked = performance.now();
        const mine = await sessionOf();
        const done = await client.sessions.acquire({ key, session: mine }, valueOf(identity), { signal });
        if (done && session === mine) {
          extend(asked);
          setProblem(undefined);
          lead(true);
          break;
        }
      } catch {
        // The renewals tell what is wrong.
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
    }
    if (taking === attempt) taking = undefined;
  }

  /** Follows the lock, and takes it when it is free. */
  async function followLock(signal: AbortSignal): Promise<void> {
    let silence: NodeJS.Timeout | undefined;
    const ask = (index: number | undefined) => client.kvRead(key, { signal, index, consistency: "consistent" });
    for await (const event of followQuery(ask, signal)) {
      clearTimeout(silence);
      if (event.type === "failed") continue;
      const entry = event.value;
      holder = entry?.session;
      if (entry === undefined || holder === undefined) {
        lead(false);
        void take();
      } else if (holder === session) {
        if (!leads && taking === undefined) void take();
      } else {
        taking?.abort();
        lead(false);
        silence = setTimeout(() => void succeed(entry, signal), ttlMs).unref();
      }
    }
    clearTimeout(silence);
  }

  /** Ends the session of a leader without a sign of life. If that isn't allowed, Consul does it later. */
  async function succeed(silent: KvEntry, signal: AbortSignal): Promise<void> {
    try {
      // This process may have slept, and the leader not.
      const { value } = await client.kvRead(key, { signal, consistency: "consistent" });
      if (value?.session === undefined || value.modifyIndex !== silent.modifyIndex) return;
      await client.sessions.destroy(value.session, { signal });
    } catch {
      // Consul ends it, if later.
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    ending = signal;
    await Promise.all([renewForever(signal), followLock(signal)]);
    taking?.abort();
    const last = session;
    session = undefined;
    lead(false);
    // Whoever waits for the lock gets it at once.
    if (last !== undefined) await client.sessions.destroy(last, { signal: AbortSignal.timeout(2_000) }).catch(() => {});
  }

  const close = async (): Promise<void> => {
    closing.abort();
    await running;
  };
  return {
    description: `the lock ${key} of Consul at ${client.address}`,
    get isLeader() {
      return isLeader();
    },
    get state() {
      return { isLeader: isLeader(), problem };
    },
    onChange(listener) {
      listeners.add(listener);
      if (leads) listener(true);
      return () => listeners.delete(listener);
    },
    campaign: (signal) => (running ??= run(AbortSignal.any([signal, closing.signal]))),
    guard,
    close,
    [Symbol.asyncDispose]: close,
  };
}

const valueOf = (identity: string): string => JSON.stringify({ leader: identity, seen: new Date().toISOString() });
