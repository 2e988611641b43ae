import type { XdsResource } from "../cache/resource.ts";
import type { Subscription } from "../cache/subscription.ts";
import type { XdsCache } from "../cache/xds-cache.ts";
import { typeUrls } from "../type-urls.ts";
import type { Witness } from "./quarantine.ts";

export interface CanaryOptions {
  readonly cache: XdsCache;
  /** The streams of one type under one key. */
  witnesses(key: string, typeUrl: string): ReadonlySet<Witness>;
  /** A canary hasn't answered in time: its content goes to all. */
  readonly onOverdue?:
    | ((content: {
        readonly key: string;
        readonly typeUrl: string;
        readonly name: string;
        readonly node: string;
      }) => void)
    | undefined;
}

/**
 * New content goes to one proxy of a role first, its canary: the connected one of the lowest node id that is subscribed to it. The others get it when
 * the canary has accepted it, or hasn't answered in time. What was accepted before is no new content, and endpoints are never kept
 * back: the old ones may be gone.
 */
export interface Canary {
  /** How long to wait for a canary, in ms; undefined: nobody waits. */
  setTimeout(ms: number | undefined): void;
  /** Names of what is on trial. */
  names(key: string, typeUrl: string): readonly string[];
  /** The version that this proxy must not have yet; undefined: there is none. */
  heldFrom(witness: Witness, name: string): string | undefined;
  /** A proxy has accepted these. */
  accepted(key: string, typeUrl: string, resources: readonly XdsResource[]): void;
  /** Whether this proxy is the canary of the name, and something is on trial under it. */
  isTrial(content: { readonly key: string; readonly typeUrl: string; readonly name: string }, node: string): boolean;
  /** The canary has refused it, or a part of it: what to do about others is for its refusal to say. */
  end(key: string, typeUrl: string, name: string): void;
  /** Puts what is served under the name on trial, if there is anything that no proxy has accepted, and somebody to wait. */
  begin(key: string, typeUrl: string, name: string): void;
  attached(witness: Witness): void;
  /** A stream has ended: another one may be the canary now. */
  detached(witness: Witness): void;
}

interface Trial {
  readonly version: string;
  readonly until: number;
  canary: Witness | undefined;
}

interface TypeTrials {
  readonly key: string;
  readonly typeUrl: string;
  readonly byName: Map<string, Trial>;
  readonly watch: Subscription;
}

const NO_NAMES: readonly string[] = [];

export function createCanary({ cache, witnesses, onOverdue }: CanaryOptions): Canary {
  const types = new Map<string, TypeTrials>();
  let timeoutMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;

  const idOf = (key: string, typeUrl: string): string => `${typeUrl} ${key}`;
  const find = (key: string, typeUrl: string): TypeTrials | undefined => types.get(idOf(key, typeUrl));

  function watch(key: string, typeUrl: string): void {
    if (timeoutMs === undefined || typeUrl === typeUrls.endpoint || find(key, typeUrl) !== undefined) return;
    const subscription = cache.subscribe(key, typeUrl, () => {
      subscription.cursor = subscription.log.head;
      const changed = [...subscription.changedNames.keys()];
      subscription.changedNames.clear();
      // What the sources have to begin with is what proxies have had already.
      if (subscription.log.complete) for (const name of changed) begin(key, typeUrl, name);
    });
    subscription.noteAll = true;
    subscription.setWildcard(true);
    subscription.cursor = subscription.log.head;
    types.set(idOf(key, typeUrl), { key, typeUrl, byName: new Map(), watch: subscription });
  }

  function begin(key: string, typeUrl: string, name: string): void {
    const type = find(key, typeUrl);
    if (type === undefined || timeoutMs === undefined) return;
    type.byName.delete(name);
    const current = cache.get(key, typeUrl, name);
    if (current === undefined) return;
    if (cache.accepted(key, typeUrl, name).some(({ version }) => version === current.version)) return;
    const nodes = new Set([...witnesses(key, typeUrl)].map(({ node }) => node));
    if (nodes.size < 2) return;
    type.byName.set(name, { version: current.version, until: performance.now() + timeoutMs, canary: undefined });
    schedule();
  }

  function canaryOf({ key, typeUrl }: TypeTrials, name: string, trial: Trial): Witness | undefined {
    const group = witnesses(key, typeUrl);
    const { canary } = trial;
    if (canary !== undefined && group.has(canary) && canary.covers(name)) return canary;
    let lowest: Witness | undefined;
    for (const it of group) if ((lowest === undefined || it.node < lowest.node) && it.covers(name)) lowest = it;
    trial.canary = lowest;
    return lowest;
  }

  function end(key: string, typeUrl: string, name: string): void {
    if (find(key, typeUrl)?.byName.delete(name) === true) wake(key, typeUrl);
  }

  function wake(key: string, typeUrl: string): void {
    for (const witness of witnesses(key, typeUrl)) witness.wake();
  }

  function schedule(): void {
    clearTimeout(timer);
    timer = undefined;
    let next = Number.POSITIVE_INFINITY;
    for (const { byName } of types.values()) for (const { until } of byName.values()) next = Math.min(next, until);
    if (Number.isFinite(next)) timer = setTimeout(endOverdue, Math.max(0, next - performance.now()) + 1).unref();
  }

  function endOverdue(): void {
    const now = performance.now();
    for (const type of types.values()) {
      const { key, typeUrl, byName } = type;
      const overdue = [...byName].filter(([, { until }]) => until <= now);
      for (const [name, trial] of overdue) {
        onOverdue?.({ key, typeUrl, name, node: canaryOf(type, name, trial)?.node ?? "" });
        byName.delete(name);
      }
      if (overdue.length > 0) wake(key, typeUrl);
    }
    schedule();
  }

  const canary: Canary = {
    setTimeout(ms) {
      timeoutMs = ms;
      if (ms !== undefined) return;
      for (const { key, typeUrl, byName, watch: subscription } of types.values()) {
        subscription.close();
        if (byName.size > 0) wake(key, typeUrl);
      }
      types.clear();
      schedule();
    },
    names(key, typeUrl) {
      const byName = types.size === 0 ? undefined : find(key, typeUrl)?.byName;
      return byName === undefined || byName.size === 0 ? NO_NAMES : [...byName.keys()];
    },
    heldFrom(witness, name) {
      const type = find(witness.key, witness.typeUrl);
      const trial = type?.byName.get(name);
      if (type === undefined || trial === undefined) return undefined;
      const first = canaryOf(type, name, trial);
      return first === undefined || first.node === witness.node ? undefined : trial.version;
    },
    accepted(key, typeUrl, resources) {
      const type = find(key, typeUrl);
      if (type === undefined || type.byName.size === 0) return;
      let any = false;
      for (const { name, version } of resources) {
        if (type.byName.get(name)?.version !== version) continue;
        type.byName.delete(name);
        any = true;
      }
      if (any) wake(key, typeUrl);
    },
    isTrial({ key, typeUrl, name }, node) {
      const type = find(key, typeUrl);
      const trial = type?.byName.get(name);
      return type !== undefined && trial !== undefined && canaryOf(type, name, trial)?.node === node;
    },
    end,
    begin,
    attached: ({ key, typeUrl }) => watch(key, typeUrl),
    detached({ key, typeUrl }) {
      const type = find(key, typeUrl);
      if (type === undefined) return;
      if (type.byName.size > 0) wake(key, typeUrl);
      if (witnesses(key, typeUrl).size > 0) return;
      type.watch.close();
      types.delete(idOf(key, typeUrl));
    },
  };
  return canary;
}
