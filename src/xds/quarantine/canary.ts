import type { XdsResource } from "../cache/resource.ts";
import type { Subscription } from "../cache/subscription.ts";
import type { XdsCache } from "../cache/xds-cache.ts";
import { typeUrls } from "../type-urls.ts";
import { type Fleet, isFirst } from "./fleet.ts";
import type { Refusal, Witness } from "./refusal.ts";
import type { Roles } from "./roles.ts";

export interface CanaryOptions {
  readonly cache: XdsCache;
  readonly roles: Roles;
  /** The streams of one type of a role. */
  witnesses(role: string, typeUrl: string): ReadonlySet<Witness>;
  /** All replicas. */
  readonly fleet: Fleet;
  /** There is something to tell them. */
  onNews(): void;
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
 *
 * Contents of one name that differ, since proxies of different versions are given different ones, are tried each by itself. With other replicas
 * (`fleet`) there is one canary over all: this one's proxies wait for what is told of it.
 */
export interface Canary {
  /** How long to wait for a canary, in ms; undefined: nobody waits. */
  setTimeout(ms: number | undefined): void;
  /** Names of what is on trial. */
  names(role: string, typeUrl: string): readonly string[];
  /** The version that this proxy must not have yet; undefined: there is none. */
  heldFrom(witness: Witness, name: string): string | undefined;
  /** A proxy has accepted these. */
  accepted(role: string, typeUrl: string, resources: readonly XdsResource[]): void;
  /** Whether this proxy is the canary of the name, and something is on trial under it. */
  isTrial(content: Pick<Refusal, "key" | "typeUrl" | "name">, node: string): boolean;
  /** The canary has refused it, or a part of it: what to do about others is for its refusal to say. */
  end(content: Pick<Refusal, "key" | "typeUrl" | "name" | "digest">): void;
  /** Puts what is served under the name on trial, if there is anything that no proxy has accepted, and somebody to wait. */
  begin(role: string, typeUrl: string, name: string): void;
  attached(witness: Witness): void;
  /** A stream has ended: another one may be the canary now. */
  detached(witness: Witness): void;
  /** Other replicas have told something. */
  heard(): void;
  /** Whether anything is tried first. */
  readonly on: boolean;
}

interface Trial {
  readonly version: string;
  readonly until: number;
  /** If nobody here is subscribed by then, others needn't wait for this replica. */
  readonly passAt: number;
  /** The first one among this replica's proxies. */
  canary: Witness | undefined;
  /** That one has been given it, or may have. */
  begun: boolean;
}

interface TypeTrials {
  readonly role: string;
  readonly typeUrl: string;
  /** By name and version. */
  readonly byName: Map<string, Map<string, Trial>>;
  /** By snapshot key. */
  readonly watches: Map<string, Subscription>;
}

const NO_NAMES: readonly string[] = [];
/** What the canary of a listener subscribes to then comes a moment later. */
const PASS_AFTER_MS = 1_000;

export function createCanary({ cache, roles, witnesses, fleet, onNews, onOverdue }: CanaryOptions): Canary {
  const types = new Map<string, TypeTrials>();
  let timeoutMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  /** When it goes off. */
  let dueAt = Number.POSITIVE_INFINITY;

  const idOf = (role: string, typeUrl: string): string => `${typeUrl} ${role}`;
  const find = (role: string, typeUrl: string): TypeTrials | undefined => types.get(idOf(role, typeUrl));
  const versionAt = (key: string, typeUrl: string, name: string): string | undefined =>
    cache.get(key, typeUrl, name)?.version;

  function watch({ key, typeUrl }: Witness): void {
    if (timeoutMs === undefined || typeUrl === typeUrls.endpoint) return;
    const role = roles.roleOf(key);
    const type = find(role, typeUrl) ?? { role, typeUrl, byName: new Map(), watches: new Map() };
    types.set(idOf(role, typeUrl), type);
    if (type.watches.has(key)) return;
    const subscription = cache.subscribe(key, typeUrl, () => {
      subscription.cursor = subscription.log.head;
      const changed = [...subscription.changedNames.keys()];
      subscription.changedNames.clear();
      // What the sources have to begin with is what proxies have had already.
      if (subscription.log.complete) for (const name of changed) begin(role, typeUrl, name);
    });
    subscription.noteAll = true;
    subscription.setWildcard(true);
    subscription.cursor = subscription.log.head;
    type.watches.set(key, subscription);
  }

  function begin(role: string, typeUrl: string, name: string): void {
    const type = find(role, typeUrl);
    if (type === undefined || timeoutMs === undefined) return;
    const before = type.byName.get(name);
    type.byName.delete(name);
    const keys = roles.keysOf(role);
    const accepted = new Set(keys.flatMap((key) => cache.accepted(key, typeUrl, name).map(({ version }) => version)));
    const trials = new Map<string, Trial>();
    const now = performance.now();
    for (const key of keys) {
      const version = versionAt(key, typeUrl, name);
      if (version === undefined || trials.has(version)) continue;
      if (accepted.has(version)) settled(version, "accepted");
      else if (!fleet.accepted(version) && isAnyToWait(role, typeUrl)) {
        const times = { until: now + timeoutMs, passAt: now + PASS_AFTER_MS };
        const trial = before?.get(version) ?? { version, ...times, canary: undefined, begun: false };
        trials.set(version, trial);
        arm(trial);
      }
    }
    if (trials.size > 0) type.byName.set(name, trials);
  }

  function isAnyToWait(role: string, typeUrl: string): boolean {
    if (fleet.any) return true;
    let first: string | undefined;
    for (const { node } of witnesses(role, typeUrl)) {
      first ??= node;
      if (node !== first) return true;
    }
    return false;
  }

  /** For other replicas; without any it costs nothing. */
  function settled(version: string, outcome: "accepted" | "passed"): void {
    if (!fleet.any) return;
    // So long others may wait for it, and a little longer, since they may have begun later.
    fleet.tell(version, outcome, 2 * (timeoutMs ?? 0));
    onNews();
  }

  const keysServing = ({ role, typeUrl }: TypeTrials, name: string, { version }: Trial): string[] =>
    roles.keysOf(role).filter((key) => versionAt(key, typeUrl, name) === version);

  /** Who goes first among this replica's proxies. */
  function firstHere(type: TypeTrials, name: string, trial: Trial): Witness | undefined {
    const { role, typeUrl } = type;
    const group = witnesses(role, typeUrl);
    const { canary } = trial;
    if (canary !== undefined && group.has(canary) && canary.covers(name)) return canary;
    const keys = new Set(keysServing(type, name, trial));
    let first: Witness | undefined;
    for (const it of group) {
      const isLower = first === undefined || isFirst(role, it, first);
      if (isLower && keys.has(it.key) && it.covers(name)) first = it;
    }
    trial.canary = first;
    trial.begun = false;
    return first;
  }

  /** Who goes first of all: a proxy of this replica, or the node of another one's. */
  function firstOf(type: TypeTrials, name: string, trial: Trial): { here?: Witness; elsewhere?: string } {
    const here = firstHere(type, name, trial);
    if (here !== undefined && trial.begun) return { here };
    const content = { role: type.role, keys: keysServing(type, name, trial), version: trial.version };
    const elsewhere = fleet.any ? fleet.firstElsewhere(content) : undefined;
    if (elsewhere !== undefined) return { elsewhere };
    trial.begun = here !== undefined;
    return here === undefined ? {} : { here };
  }

  function drop({ byName }: TypeTrials, name: string, version: string): boolean {
    const trials = byName.get(name);
    const was = trials?.delete(version) === true;
    if (trials?.size === 0) byName.delete(name);
    return was;
  }

  function wake(role: string, typeUrl: string): void {
    for (const witness of witnesses(role, typeUrl)) witness.wake();
  }

  function* all(): Generator<{ readonly type: TypeTrials; readonly name: string; readonly trial: Trial }> {
    for (const type of types.values()) {
      for (const [name, trials] of [...type.byName])
        for (const trial of [...trials.values()]) yield { type, name, trial };
    }
  }

  function arm({ until, passAt }: Trial): void {
    const now = performance.now();
    const next = fleet.any && passAt > now ? Math.min(passAt, until) : until;
    if (next >= dueAt) return;
    clearTimeout(timer);
    dueAt = next;
    timer = setTimeout(tick, Math.max(0, next - now) + 1).unref();
  }

  function disarm(): void {
    clearTimeout(timer);
    dueAt = Number.POSITIVE_INFINITY;
  }

  function tick(): void {
    disarm();
    const now = performance.now();
    const woken = new Set<TypeTrials>();
    for (const { type, name, trial } of all()) {
      const { role, typeUrl } = type;
      if (trial.until <= now) {
        const { here, elsewhere } = firstOf(type, name, trial);
        if (elsewhere !== undefined) fleet.silence(role, elsewhere);
        onOverdue?.({ key: role, typeUrl, name, node: here?.node ?? elsewhere ?? "" });
        drop(type, name, trial.version);
        woken.add(type);
        continue;
      }
      const isDue = trial.passAt <= now && !fleet.hasPassed(trial.version);
      if (isDue && firstHere(type, name, trial) === undefined) settled(trial.version, "passed");
      arm(trial);
    }
    for (const { role, typeUrl } of woken) wake(role, typeUrl);
  }

  return {
    setTimeout(ms) {
      timeoutMs = ms;
      onNews();
      if (ms !== undefined) return;
      for (const { role, typeUrl, byName, watches } of types.values()) {
        for (const subscription of watches.values()) subscription.close();
        if (byName.size > 0) wake(role, typeUrl);
      }
      types.clear();
      disarm();
    },
    get on() {
      return timeoutMs !== undefined;
    },
    names(role, typeUrl) {
      const byName = types.size === 0 ? undefined : find(role, typeUrl)?.byName;
      return byName === undefined || byName.size === 0 ? NO_NAMES : [...byName.keys()];
    },
    heldFrom(witness, name) {
      const type = find(roles.roleOf(witness.key), witness.typeUrl);
      const trials = type?.byName.get(name);
      if (type === undefined || trials === undefined) return undefined;
      const trial = trials.get(versionAt(witness.key, witness.typeUrl, name) ?? "");
      if (trial === undefined) return undefined;
      const { here, elsewhere } = firstOf(type, name, trial);
      const isItsTurn = here === undefined ? elsewhere === undefined : here.node === witness.node;
      return isItsTurn ? undefined : trial.version;
    },
    accepted(role, typeUrl, resources) {
      const type = find(role, typeUrl);
      if (type === undefined || type.byName.size === 0) return;
      let any = false;
      for (const { name, version } of resources) {
        if (!drop(type, name, version)) continue;
        settled(version, "accepted");
        any = true;
      }
      if (any) wake(role, typeUrl);
    },
    isTrial({ key: role, typeUrl, name }, node) {
      const type = find(role, typeUrl);
      if (type === undefined) return false;
      return [...(type.byName.get(name)?.values() ?? [])].some(
        (trial) => firstOf(type, name, trial).here?.node === node,
      );
    },
    end({ key: role, typeUrl, name, digest }) {
      const type = find(role, typeUrl);
      const trials = type?.byName.get(name);
      if (type === undefined || trials === undefined) return;
      const versions = roles.keysOf(role).flatMap((key) => {
        const resource = cache.get(key, typeUrl, name);
        const has = resource?.version === digest || resource?.parts.some((part) => part.digest === digest) === true;
        return has && resource !== undefined ? [resource.version] : [];
      });
      // Of content that was put together for the canary alone it is the name that is told.
      for (const version of versions.length > 0 ? versions : [...trials.keys()]) drop(type, name, version);
      wake(role, typeUrl);
    },
    begin,
    attached(witness) {
      watch(witness);
      if (timeoutMs !== undefined) onNews();
      const type = find(roles.roleOf(witness.key), witness.typeUrl);
      for (const trials of type?.byName.values() ?? []) {
        for (const trial of trials.values()) if (!trial.begun) trial.canary = undefined;
      }
    },
    detached({ key, typeUrl }) {
      const role = roles.roleOf(key);
      const type = find(role, typeUrl);
      if (type === undefined) return;
      onNews();
      if (type.byName.size > 0) wake(role, typeUrl);
      if (witnesses(role, typeUrl).size > 0) return;
      for (const subscription of type.watches.values()) subscription.close();
      types.delete(idOf(role, typeUrl));
    },
    heard() {
      const woken = new Set<TypeTrials>();
      for (const { type, name, trial } of all()) {
        if (fleet.accepted(trial.version)) drop(type, name, trial.version);
        else arm(trial);
        woken.add(type);
      }
      for (const { role, typeUrl } of woken) wake(role, typeUrl);
    },
  };
}
