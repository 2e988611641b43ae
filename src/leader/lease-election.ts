import { EpoxyError } from "../errors/index.ts";
import { followObjects, kubeFailure, type KubeObject, type KubernetesClient } from "../kubernetes/index.ts";
import type { LeaderElection } from "./leader-election.ts";

export interface LeaseElectionOptions {
  readonly client: KubernetesClient;
  /** Of the Lease; all processes that elect one among them have the same. */
  readonly namespace: string;
  readonly name: string;
  /** Who this process is; no other may have the same. */
  readonly identity: string;
  /** Whole seconds, default 10. A leader that is heard of no more is succeeded after as long; one that ends properly at once. */
  readonly ttl?: number | undefined;
  /** Told why the election can't be held, such as a missing permission, and once it can (undefined). */
  readonly onProblem?: ((problem: string | undefined) => void) | undefined;
}

/** An election by a Lease of Kubernetes. */
export interface LeaseElection extends LeaderElection {
  /**
   * To be asked just before each write of the leader, which has to carry the resourceVersion that its decision was made on: Kubernetes has no
   * transaction that checks the Lease with it.
   * @throws `unavailable` if this process doesn't lead
   */
  guard(): void;
}

/** Source: coordination.k8s.io/v1 of Kubernetes' API. */
interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string | null;
    readonly leaseDurationSeconds?: number | null;
    readonly acquireTime?: string | null;
    readonly renewTime?: string | null;
    readonly leaseTransitions?: number | null;
  };
}

const leases = { group: "coordination.k8s.io", version: "v1", plural: "leases", namespaced: true } as const;

/**
 * Takes part in an election by a Lease, after the rules of client-go: the holder rewrites it three times within the TTL; a Lease that hasn't
 * changed for as long as it says, by the candidate's own clock, is taken over. All writes of the Lease carry its resourceVersion, so that one
 * candidate wins.
 */
export function leaseElection(options: LeaseElectionOptions): LeaseElection {
  const { client, namespace, name, identity, ttl = 10, onProblem } = options;
  const ttlMs = ttl * 1000;
  const listeners = new Set<(isLeader: boolean) => void>();
  const closing = new AbortController();
  /** As it was seen last, and when its version was seen first. Undefined: not yet. Null: there is none. */
  let seen: { readonly lease: Lease | null; readonly at: number } | undefined;
  let leads = false;
  let goodUntil = 0;
  let expiry: NodeJS.Timeout | undefined;
  let problem: string | undefined;
  let running: Promise<void> | undefined;
  let wake = (): void => {};

  const isLeader = (): boolean => leads && performance.now() < goodUntil;

  function lead(on: boolean): void {
    if (!on) clearTimeout(expiry);
    if (leads === on) return;
    leads = on;
    for (const listener of listeners) listener(on);
  }

  function setProblem(error: unknown): void {
    const next = error === undefined ? undefined : (error as Error).message;
    if (next === problem) return;
    problem = next;
    onProblem?.(next);
  }

  function observe(lease: Lease | null): void {
    const isSame = seen !== undefined && seen.lease?.metadata?.resourceVersion === lease?.metadata?.resourceVersion;
    if (isSame) return;
    // What follows may arrive after the answer to a write of our own.
    const before = Number(seen?.lease?.metadata?.resourceVersion ?? 0);
    if (lease !== null && Number(lease.metadata?.resourceVersion) < before) return;
    seen = { lease, at: performance.now() };
    if (lease?.spec?.holderIdentity !== identity) lead(false);
    wake();
  }

  /** Milliseconds until the Lease may be taken by someone else. */
  function remaining(): number {
    if (seen === undefined) return Number.POSITIVE_INFINITY;
    const { holderIdentity, leaseDurationSeconds } = seen.lease?.spec ?? {};
    if (!holderIdentity) return 0;
    return seen.at + (leaseDurationSeconds ?? ttl) * 1000 - performance.now();
  }

  /** Writes the Lease with this process as its holder. */
  async function hold(signal: AbortSignal): Promise<void> {
    const asked = performance.now();
    const before = seen?.lease;
    const now = new Date(Date.now()).toISOString().replace(/Z$/, "000Z");
    const mine = before?.spec?.holderIdentity === identity;
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: ttl,
      acquireTime: mine ? (before.spec?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.spec?.leaseTransitions ?? 0) + (mine || !before ? 0 : 1),
    };
    try {
      const stored = await (before
        ? client.replace<Lease>(leases, { ...before, spec }, { signal })
        : client.create<Lease>(
            leases,
            { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { namespace, name }, spec },
            { signal },
          ));
      seen = { lease: stored, at: performance.now() };
      // Counted from when it was asked for: the others' clocks start later.
      goodUntil = asked + ttlMs;
      clearTimeout(expiry);
      expiry = setTimeout(() => lead(false), goodUntil - performance.now()).unref();
      lead(true);
    } catch (error) {
      const status = kubeFailure(error)?.httpStatus;
      if (status !== 409 && status !== 404) throw error;
      // Someone else was faster, or it was deleted.
      observe((await client.get<Lease>(leases, { namespace, name }, { signal })) ?? null);
    }
  }

  async function campaignForever(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let pause = ttlMs / 3;
      try {
        const mine = seen?.lease?.spec?.holderIdentity === identity;
        if (mine || remaining() <= 0) await hold(signal);
        if (!isLeader()) pause = Math.min(Math.max(remaining(), 20), ttlMs);
        if (seen !== undefined) setProblem(undefined);
      } catch (error) {
        if (signal.aborted) return;
        setProblem(error);
        pause = Math.min(ttlMs / 10, 1_000) * (0.5 + Math.random() / 2);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pause);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (signal.aborted) wake();
      });
    }
  }

  async function followLease(signal: AbortSignal): Promise<void> {
    const scope = { namespace, fieldSelector: `metadata.name=${name}` };
    for await (const event of followObjects<Lease>(client, leases, scope, signal)) {
      if (event.type === "failed") setProblem(event.error);
      else if (event.type === "state") observe(event.objects[0] ?? null);
      else observe(event.changed[0] ?? null);
    }
  }

  /** Gives the Lease back, so that whoever waits for it has it at once. */
  async function release(): Promise<void> {
    const held = seen?.lease;
    const was = isLeader();
    lead(false);
    if (!was || !held) return;
    const spec = { ...held.spec, holderIdentity: "", leaseDurationSeconds: 1 };
    await client.replace(leases, { ...held, spec }, { signal: AbortSignal.timeout(2_000) }).catch(() => {});
  }

  async function run(signal: AbortSignal): Promise<void> {
    const stop = (): void => wake();
    signal.addEventListener("abort", stop, { once: true });
    await Promise.all([campaignForever(signal), followLease(signal)]);
    await release();
  }

  const close = async (): Promise<void> => {
    closing.abort();
    await running;
  };
  return {
    get description() {
      return `the Lease ${namespace}/${name} of Kubernetes at ${client.address}`;
    },
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
    guard() {
      if (isLeader()) return;
      throw new EpoxyError(
        "unavailable",
        `not written: this process doesn't hold the Lease ${namespace}/${name} (any more)`,
      );
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
