import type { XdsResource } from "../cache/resource.ts";
import type { Subscription } from "../cache/subscription.ts";
import type { XdsCache } from "../cache/xds-cache.ts";
import { rememberAbsentNodes } from "./absent-nodes.ts";
import { type CanaryOptions, createCanary } from "./canary.ts";
import { createEffects, type Effects } from "./effects.ts";
import { type CanaryNews, createFleet } from "./fleet.ts";
import type { QuarantinedContent, Refusal, Witness } from "./refusal.ts";
import { plainRoles, type Roles } from "./roles.ts";
import { isLocal, spreads, type Verdict } from "./verdict.ts";

/** Which content is refused by which proxies. Shared by all streams of a server. */
export interface Quarantine {
  /** Notes refusals, of this server's proxies or of another replica's. */
  note(refusals: readonly Refusal[]): void;
  /** Takes back what another replica has told: its proxies refuse it no more. */
  retract(refusals: readonly Refusal[]): void;
  /** Whether a node of the role is connected here. */
  isConnected(role: string, node: string): boolean;
  /** Ids of the nodes that are connected here, by snapshot key. */
  connected(): ReadonlyMap<string, ReadonlySet<string>>;
  /** Notes that a proxy accepted these. */
  accepted(witness: Witness, resources: readonly XdsResource[]): void;
  /** Names of which this proxy may not be given all that is served. Asked in each turn of each stream. */
  names(witness: Witness): readonly string[];
  /**
   * How long new content that one proxy of a role gets first, its canary, is kept from the others for want of its answer, in ms; undefined, the
   * default: all get everything at once.
   */
  setCanaryTimeout(ms: number | undefined): void;
  /** What other replicas have to know, so that there is one canary over all; undefined: there is none. */
  canaryNews(): CanaryNews | undefined;
  /** Takes what another replica tells in place of what it told; undefined: it is gone. */
  hear(replica: string, news: CanaryNews | undefined): void;
  /** Digests of the content of this name that this proxy must not be given. */
  refusedFor(witness: Witness, name: string): ReadonlySet<string>;
  /** Everything that is known, to tell other replicas. */
  refusals(): Refusal[];
  /** What is kept from proxies now. */
  list(): QuarantinedContent[];
  /** Calls back whenever `list()` may have changed. Returns the way to end it. */
  subscribe(listener: () => void): () => void;
  /** The same of `canaryNews()`. */
  subscribeNews(listener: () => void): () => void;
  /**
   * A stream begins. What its proxy refused before as another version, or for want of something on its machine, is tried anew: it may
   * have been restarted since. Returns the way to end it.
   */
  attach(witness: Witness): () => void;
}

/** Of a role. */
interface TypeVerdicts {
  readonly role: string;
  readonly typeUrl: string;
  readonly byName: Map<string, Map<string, Verdict>>;
  readonly effects: Effects;
  /** By snapshot key. */
  readonly watches: Map<string, Subscription>;
}

/** So many names are remembered per key and type, and so many contents per name: what is refused is the clients' to say. */
const MAX_NAMES = 1000;
const MAX_CONTENTS = 64;
const MAX_MESSAGE = 2000;

const NOTHING: ReadonlySet<string> = new Set();
const NO_NAMES: readonly string[] = [];
const typeKey = (role: string, typeUrl: string): string => `${typeUrl} ${role}`;

export interface QuarantineOptions {
  /** A canary hasn't answered in time, and others get its content. */
  readonly onCanaryOverdue?: CanaryOptions["onOverdue"];
  /** Default: each snapshot key is a role of its own. */
  readonly roles?: Roles | undefined;
}

export function createQuarantine(cache: XdsCache, options: QuarantineOptions = {}): Quarantine {
  const { onCanaryOverdue, roles = plainRoles } = options;
  const types = new Map<string, TypeVerdicts>();
  const witnesses = new Map<string, Set<Witness>>();
  const listeners = new Set<() => void>();
  const newsListeners = new Set<() => void>();
  const nobody: ReadonlySet<Witness> = new Set();
  const fleet = createFleet(roles);
  const absent = rememberAbsentNodes((role, nodes) => {
    for (const verdict of verdictsOf(role)) {
      for (const node of nodes) {
        verdict.refusals.delete(node);
        verdict.acceptedBy.delete(node);
      }
    }
    for (const type of types.values()) {
      if (type.role === role) for (const name of type.byName.keys()) type.effects.touch(name);
    }
    changed();
  });
  const canary = createCanary({
    ...{ cache, roles, fleet },
    onNews: () => newsListeners.forEach((listener) => listener()),
    witnesses: (role, typeUrl) => witnesses.get(typeKey(role, typeUrl)) ?? nobody,
    onOverdue: onCanaryOverdue,
  });

  function changed(): void {
    for (const listener of listeners) listener();
  }

  function typeOf(role: string, typeUrl: string): TypeVerdicts {
    const id = typeKey(role, typeUrl);
    let found = types.get(id);
    if (found === undefined) {
      const byName: TypeVerdicts["byName"] = new Map();
      const effects = createEffects((name) =>
        [...(byName.get(name) ?? [])].flatMap(([digest, verdict]) =>
          verdict.refusals.size > 0 && servedAs(role, typeUrl, name, digest).length > 0 ? [verdict] : [],
        ),
      );
      found = { role, typeUrl, byName, effects, watches: new Map() };
      types.set(id, found);
    }
    watchAll(found);
    return found;
  }

  /** Of the keys of a role some come later. */
  function watchAll({ role, typeUrl, byName, effects, watches }: TypeVerdicts): void {
    for (const key of roles.keysOf(role)) {
      if (watches.has(key)) continue;
      const watch = cache.subscribe(key, typeUrl, () => {
        for (const name of watch.changedNames.keys()) effects.touch(name);
        watch.changedNames.clear();
        changed();
      });
      for (const name of byName.keys()) {
        watch.add(name);
        effects.touch(name);
      }
      watches.set(key, watch);
      if (byName.size > 0) changed();
    }
  }

  function verdictOf({ key: role, typeUrl, name, digest, nodeVersion }: Refusal): Verdict {
    if (servedAs(role, typeUrl, name, digest).length === 0) roles.prepare(role, nodeVersion);
    const type = typeOf(role, typeUrl);
    const byDigest = type.byName.get(name) ?? new Map<string, Verdict>();
    type.byName.delete(name);
    type.byName.set(name, byDigest);
    for (const watch of type.watches.values()) watch.add(name);
    const known = byDigest.get(digest);
    if (known !== undefined) return known;
    const verdict: Verdict = { refusals: new Map(), acceptedBy: new Set() };
    byDigest.set(digest, verdict);
    // Those that had it before the first refusal keep it.
    const keys = servedAs(role, typeUrl, name, digest);
    for (const witness of witnesses.get(typeKey(role, typeUrl)) ?? []) {
      if (keys.includes(witness.key) && witness.hasAccepted(name)) verdict.acceptedBy.add(witness.node);
    }
    dropOldest(byDigest, MAX_CONTENTS);
    for (const dropped of dropOldest(type.byName, MAX_NAMES)) {
      for (const watch of type.watches.values()) watch.delete(dropped);
      type.effects.touch(dropped);
    }
    return verdict;
  }

  function* verdictsOf(role: string): Generator<Verdict> {
    for (const type of types.values()) {
      if (type.role !== role) continue;
      for (const byDigest of type.byName.values()) yield* byDigest.values();
    }
  }

  function forgive({ key, typeUrl, node, nodeVersion }: Witness): boolean {
    let any = false;
    const role = roles.roleOf(key);
    const type = types.get(typeKey(role, typeUrl));
    for (const [name, byDigest] of type?.byName ?? []) {
      for (const { refusals } of byDigest.values()) {
        const refusal = refusals.get(node);
        if (refusal === undefined || (refusal.nodeVersion === nodeVersion && !isLocal(refusal))) continue;
        refusals.delete(node);
        type?.effects.touch(name);
        any = true;
        if (refusal.canary === true) canary.begin(role, typeUrl, name);
      }
    }
    return any;
  }

  /** The snapshot keys of the role under which it is served. */
  function servedAs(role: string, typeUrl: string, name: string, digest: string): string[] {
    return roles.keysOf(role).filter((key) => {
      const resource = cache.get(key, typeUrl, name);
      return resource?.version === digest || resource?.parts.some((it) => it.digest === digest) === true;
    });
  }

  function wake(ids: Iterable<string>): void {
    for (const id of ids) for (const witness of witnesses.get(id) ?? []) witness.wake();
  }

  return {
    note(given) {
      const touched = new Set<string>();
      const refusals = given.map((it) => ({ ...it, key: roles.roleOf(it.key) }));
      const tested = refusals.map((it) => it.canary === true || canary.isTrial(it, it.node));
      for (const [index, it] of refusals.entries()) {
        const refusal = tested[index] === true ? { ...it, canary: true } : it;
        const verdict = verdictOf(refusal);
        verdict.acceptedBy.delete(refusal.node);
        verdict.refusals.delete(refusal.node);
        verdict.refusals.set(refusal.node, { ...refusal, message: refusal.message.slice(0, MAX_MESSAGE) });
        typeOf(refusal.key, refusal.typeUrl).effects.touch(refusal.name);
        touched.add(typeKey(refusal.key, refusal.typeUrl));
        if (!fleet.isConnected(refusal.key, refusal.node)) absent.note(refusal.key, refusal.node);
        if (refusal.canary === true) canary.end(refusal);
      }
      wake(touched);
      if (touched.size > 0) changed();
    },
    retract(refusals) {
      const touched = new Set<string>();
      for (const { key, typeUrl, name, digest, node } of refusals) {
        const id = typeKey(roles.roleOf(key), typeUrl);
        const type = types.get(id);
        if (type?.byName.get(name)?.get(digest)?.refusals.delete(node) !== true) continue;
        type.effects.touch(name);
        touched.add(id);
      }
      wake(touched);
      if (touched.size > 0) changed();
    },
    isConnected: fleet.isConnected,
    connected: fleet.connected,
    accepted({ key, typeUrl, node }, resources) {
      const role = roles.roleOf(key);
      canary.accepted(role, typeUrl, resources);
      const type = types.get(typeKey(role, typeUrl));
      if (type === undefined) return;
      for (const { name, version, parts } of resources) {
        const byDigest = type.byName.get(name);
        if (byDigest === undefined) continue;
        for (const digest of [version, ...parts.map((part) => part.digest)]) {
          const verdict = byDigest.get(digest);
          if (verdict === undefined) continue;
          verdict.acceptedBy.add(node);
          if (!verdict.refusals.delete(node)) continue;
          type.effects.touch(name);
          changed();
        }
      }
    },
    names({ key, typeUrl, node }) {
      const role = roles.roleOf(key);
      const tried = canary.names(role, typeUrl);
      if (types.size === 0) return tried;
      const refused = types.get(typeKey(role, typeUrl))?.effects.namesFor(node) ?? NO_NAMES;
      return tried.length === 0 ? refused : [...refused, ...tried];
    },
    setCanaryTimeout(ms) {
      canary.setTimeout(ms);
      for (const group of witnesses.values()) for (const witness of group) canary.attached(witness);
    },
    canaryNews() {
      if (!canary.on) return undefined;
      const news = fleet.news();
      // A role that a client has made up is no news.
      const served = new Set(cache.keys());
      return { ...news, first: news.first.filter(({ role }) => served.has(role)) };
    },
    hear(replica, news) {
      fleet.hear(replica, news);
      canary.heard();
    },
    refusedFor(witness, name) {
      const { key, typeUrl, node } = witness;
      const byDigest = types.get(typeKey(roles.roleOf(key), typeUrl))?.byName.get(name);
      const held = canary.heldFrom(witness, name);
      if (byDigest === undefined) return held === undefined ? NOTHING : new Set([held]);
      const refused = [...byDigest].filter(
        ([, verdict]) => verdict.refusals.has(node) || (spreads(verdict) && !verdict.acceptedBy.has(node)),
      );
      return new Set([...refused.map(([digest]) => digest), ...(held === undefined ? [] : [held])]);
    },
    refusals: () =>
      [...types.values()].flatMap(({ byName }) =>
        [...byName.values()].flatMap((byDigest) => [...byDigest.values()].flatMap((it) => [...it.refusals.values()])),
      ),
    list: () =>
      [...types.values()].flatMap(({ role, typeUrl, byName }) =>
        [...byName].flatMap(([name, byDigest]) =>
          [...byDigest].flatMap(([digest, verdict]) => {
            const refusals = [...verdict.refusals.values()].toReversed();
            const [first] = refusals;
            if (first === undefined) return [];
            const keys = servedAs(role, typeUrl, name, digest);
            if (keys.length === 0) return [];
            const content = { key: role, typeUrl, name, digest, origin: first.origin };
            return { ...content, servedAs: keys, refusals, spread: spreads(verdict) };
          }),
        ),
      ),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    subscribeNews(listener) {
      newsListeners.add(listener);
      return () => newsListeners.delete(listener);
    },
    attach(witness) {
      const { typeUrl, node } = witness;
      const role = roles.roleOf(witness.key);
      const id = typeKey(role, typeUrl);
      const group = witnesses.get(id) ?? new Set();
      witnesses.set(id, group.add(witness));
      fleet.count(witness.key, node, 1);
      absent.came(role, node);
      canary.attached(witness);
      const verdicts = types.get(id);
      if (verdicts !== undefined) watchAll(verdicts);
      if (forgive(witness)) changed();
      return () => {
        if (!group.delete(witness)) return;
        if (group.size === 0 && witnesses.get(id) === group) witnesses.delete(id);
        fleet.count(witness.key, node, -1);
        const isJudge = !verdictsOf(role).next().done && !fleet.isConnected(role, node);
        if (isJudge) absent.note(role, node);
        canary.detached(witness);
      };
    },
  };
}

function dropOldest<Key>(map: Map<Key, unknown>, limit: number): Key[] {
  const dropped = [...map.keys()].slice(0, Math.max(0, map.size - limit));
  for (const key of dropped) map.delete(key);
  return dropped;
}
