import { setTimeout as sleep } from "node:timers/promises";
import type { Upstream } from "../../../generated/proto/epoxy/gloo/v1/upstream.ts";
import type { Collection } from "../../collections/index.ts";
import { matchesSelector, parseRefKey, type Ref, refKey, refOf, refText } from "../../resources/index.ts";
import { createReconciler, type WatchedSource } from "../../snapshot/index.ts";
import type { Discovery } from "../discovery.ts";
import type { Service } from "../kubernetes/service.ts";
import { kubernetesOwnerLabels, refreshServiceUpstream, upstreamsOfService } from "./kubernetes-service.ts";
import { upstreamConfig } from "./upstream-config.ts";

export interface KubernetesUpstreamDiscoveryOptions {
  /** The services of the watched namespaces, by refKey. */
  readonly services: Collection<Service>;
  /** The Upstreams as they are stored. */
  readonly stored: Pick<WatchedSource<Upstream>, "collection" | "latest">;
  /** Where Upstreams are written to. */
  readonly upstreams: Parameters<typeof createReconciler<Upstream>>[0];
  /** The namespace that they are written to. */
  readonly namespace: string;
  /** Labels that a service must have. Empty: all services. */
  readonly watchLabels?: Readonly<Record<string, string>> | undefined;
  /** Told of each problem that is new, in a line. */
  readonly onProblem?: ((line: string) => void) | undefined;
  /** The name of the Upstream of a service's port. */
  nameOf(service: Ref, port: number): string;
}

/**
 * Writes an Upstream for each TCP port of each service, labelled `discovered_by: kubernetesplugin`, and deletes it when port or service is
 * gone. What users add to one is kept. A change costs the Upstreams that it is about; nothing is written before both services and
 * Upstreams are known, and what can't be written is tried again and harms no other.
 */
export function createKubernetesUpstreamDiscovery(options: KubernetesUpstreamDiscoveryOptions): Discovery {
  const { services, stored, namespace, watchLabels = {}, nameOf, onProblem } = options;
  const closing = new AbortController();
  const { signal } = closing;
  /** What is wanted under a name, by service: two may want one name. */
  const wanted = new Map<string, Map<string, Upstream>>();
  const due = new Set<string>();
  const failures = new Map<string, string>();
  /** What is wrong with what a service says, by service. */
  const faulty = new Map<string, string>();
  let told: ReadonlySet<string> = new Set();
  let wake = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => wake.resolve(), { once: true });

  const isWatched = (service: Service): boolean => matchesSelector({ matchLabels: watchLabels }, service.labels);
  const upstreamsOf = (service: Service | undefined): readonly Upstream[] =>
    service === undefined || !isWatched(service) ? [] : upstreamsOfService(service, namespace, nameOf);

  const mark = (key: string): void => {
    due.add(key);
    wake.resolve();
  };
  function replace(serviceKey: string, before: Service | undefined, after: Service | undefined): void {
    for (const upstream of upstreamsOf(before)) {
      const key = refKey(refOf(upstream));
      wanted.get(key)?.delete(serviceKey);
      if (wanted.get(key)?.size === 0) wanted.delete(key);
      mark(key);
    }
    const { problem } = after === undefined || !isWatched(after) ? { problem: undefined } : upstreamConfig(after);
    if (problem === undefined) faulty.delete(serviceKey);
    else faulty.set(serviceKey, problem);
    for (const upstream of upstreamsOf(after)) {
      const key = refKey(refOf(upstream));
      const candidates = wanted.get(key) ?? new Map<string, Upstream>();
      wanted.set(key, candidates.set(serviceKey, upstream));
      mark(key);
    }
  }
  const unsubscribe = [
    services.subscribe(
      (changes) => {
        for (const { key, before, after } of changes) replace(key, before, after);
        wake.resolve();
      },
      { initial: true },
    ),
    stored.collection.subscribe(
      (changes) => {
        for (const { key, before, after } of changes) {
          const isOwned = [before, after].some((it) => it !== undefined && isDiscovered(it, namespace));
          if (isOwned || wanted.has(key)) mark(key);
        }
        wake.resolve();
      },
      { initial: true },
    ),
  ];

  /** Reconciles some Upstreams only: what is known of them by the watch stands in for a listing of all. */
  function reconcilerOf(keys: ReadonlySet<string>) {
    const known = [...keys].flatMap((key) => stored.latest(parseRefKey(key)) ?? []);
    const items = known.filter((upstream) => isDiscovered(upstream, namespace));
    const { upstreams } = options;
    const client: typeof upstreams = {
      kind: upstreams.kind,
      read: (ref, call) => upstreams.read(ref, call),
      write: (upstream, call) => upstreams.write(upstream, call),
      delete: (ref, call) => upstreams.delete(ref, call),
      list: async () => ({ items, problems: [] }),
      watch: (call) => upstreams.watch(call),
      writeStatus: (ref, reporter, status, call) => upstreams.writeStatus(ref, reporter, status, call),
    };
    return createReconciler(client, {
      ownerLabels: kubernetesOwnerLabels,
      namespaces: [namespace],
      transition: refreshServiceUpstream,
    });
  }

  async function settle(keys: ReadonlySet<string>): Promise<void> {
    const desired = [...keys].flatMap((key) => {
      const candidates = [...(wanted.get(key) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
      return candidates[0] === undefined ? [] : [candidates[0][1]];
    });
    const { errors } = await reconcilerOf(keys).reconcile(desired, { signal, onErrors: "return" });
    for (const key of keys) failures.delete(key);
    for (const { ref, error } of errors) failures.set(refKey(ref), error.message);
  }

  const problems = (): readonly string[] => [...failures.values(), ...faulty.values(), ...contested(wanted)];
  function tell(): void {
    const before = told;
    told = new Set(problems());
    for (const line of told) if (!before.has(line)) onProblem?.(line);
  }

  async function run(): Promise<void> {
    let pause = RETRY_MS.first;
    while (!signal.aborted) {
      if (due.size === 0 || !services.synced || !stored.collection.synced) {
        await wake.promise;
        wake = Promise.withResolvers();
        continue;
      }
      const keys = new Set(due);
      due.clear();
      try {
        await settle(keys);
        pause = failures.size === 0 ? RETRY_MS.first : Math.min(pause * 2, RETRY_MS.last);
      } catch (error) {
        if (signal.aborted) return;
        for (const key of keys) failures.set(key, (error as Error).message);
        pause = Math.min(pause * 2, RETRY_MS.last);
      }
      tell();
      if (failures.size > 0) void retryLater(pause);
    }
  }

  let isRetrying = false;
  async function retryLater(pause: number): Promise<void> {
    if (isRetrying) return;
    isRetrying = true;
    await sleep(pause, undefined, { signal }).catch(() => {});
    isRetrying = false;
    for (const key of failures.keys()) mark(key);
  }
  const running = run();

  const close = async (): Promise<void> => {
    closing.abort();
    for (const end of unsubscribe) end();
    await running;
  };
  return {
    waitingFor: problems,
    close,
    [Symbol.asyncDispose]: close,
  };
}

const RETRY_MS = { first: 100, last: 30_000 };

const isDiscovered = ({ metadata }: Upstream, namespace: string): boolean =>
  metadata?.namespace === namespace && matchesSelector({ matchLabels: kubernetesOwnerLabels }, metadata.labels);

function* contested(wanted: ReadonlyMap<string, ReadonlyMap<string, Upstream>>): Iterable<string> {
  for (const [key, candidates] of wanted) {
    if (candidates.size < 2) continue;
    const [first, ...others] = [...candidates.keys()].sort().map((service) => refText(parseRefKey(service)));
    yield `services ${[first, ...others].join(" and ")} would both be Upstream ${refText(parseRefKey(key))}: ${first} is`;
  }
}
