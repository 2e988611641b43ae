import type { XdsResource } from "../cache/resource.ts";
import type { Subscription } from "../cache/subscription.ts";
import type { XdsCache } from "../cache/xds-cache.ts";
import { type CanaryOptions, createCanary } from "./canary.ts";

/** A proxy refused a piece of content. Plain data, so that replicas can tell each other. */
export interface Refusal {
  /** Snapshot key, and so the role of the proxy. */
  readonly key: string;
  readonly typeUrl: string;
  readonly name: string;
  /** Of the part at fault, or the version of the resource where it is at fault as a whole. Content that changes has another one. */
  readonly digest: string;
  readonly origin?: string | undefined;
  /** Id of the proxy's node. Proxies that share an id count as one. */
  readonly node: string;
  /** Version of the proxy's program, as far as it says. */
  readonly nodeVersion: string;
  /** The proxy's words. */
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The proxy was the canary of this content, which then is kept from all others at once. */
  readonly canary?: boolean | undefined;
}

/** Content that is being served and that at least one proxy refuses. */
export interface QuarantinedContent extends Pick<Refusal, "key" | "typeUrl" | "name" | "digest" | "origin"> {
  /** By proxy, the latest first. */
  readonly refusals: readonly Refusal[];
  /** So many different proxies refuse it, or its canary does, that it is kept from those, too, that haven't got it yet. */
  readonly spread: boolean;
}

/** A stream's view of one type, as far as others need to know it. */
export interface Witness {
  readonly key: string;
  readonly typeUrl: string;
  readonly node: string;
  readonly nodeVersion: string;
  /** Whether it is subscribed to the name. */
  covers(name: string): boolean;
  /** Whether its proxy has accepted what is served under this name now. */
  hasAccepted(name: string): boolean;
  /** What it may be given has changed. */
  wake(): void;
}

/** Which content is refused by which proxies. Shared by all streams of a server. */
export interface Quarantine {
  /** Notes refusals, of this server's proxies or of another replica's. */
  note(refusals: readonly Refusal[]): void;
  /** Takes back what another replica has told: its proxies refuse it no more. */
  retract(refusals: readonly Refusal[]): void;
  /** Ids of the nodes that are connected here. */
  nodes(key: string): ReadonlySet<string>;
  /** Notes that a proxy accepted these. */
  accepted(witness: Witness, resources: readonly XdsResource[]): void;
  /** Names of which some content was refused. Asked in each turn of each stream. */
  names(key: string, typeUrl: string): readonly string[];
  /**
   * How long new content that one proxy of a role gets first, its canary, is kept from the others for want of its answer, in ms; undefined, the
   * default: all get everything at once.
   */
  setCanaryTimeout(ms: number | undefined): void;
  /** Digests of the content of this name that this proxy must not be given. */
  refusedFor(witness: Witness, name: string): ReadonlySet<string>;
  /** Everything that is known, to tell other replicas. */
  refusals(): Refusal[];
  /** What is kept from proxies now. */
  list(): QuarantinedContent[];
  /** Calls back whenever `list()` may have changed. Returns the way to end it. */
  subscribe(listener: () => void): () => void;
  /**
   * A stream begins. What its proxy refused before as another version, or for want of something on its machine, is tried anew: it may
   * have been restarted since. Returns the way to end it.
   */
  attach(witness: Witness): () => void;
}

interface Verdict {
  readonly refusals: Map<string, Refusal>;
  readonly acceptedBy: Set<string>;
}

interface TypeVerdicts {
  readonly key: string;
  readonly typeUrl: string;
  readonly byName: Map<string, Map<string, Verdict>>;
  readonly watch: Subscription;
}

/** One proxy may be old, broken or hostile; what a second one refuses, too, is kept from the rest. */
const SPREADS_FROM = 2;
/** So many names are remembered per key and type, and so many contents per name: what is refused is the clients' to say. */
const MAX_NAMES = 1000;
const MAX_CONTENTS = 64;
const MAX_MESSAGE = 2000;

/**
 * A port in use is the matter of the machine that the proxy is on. A text is believed here only to keep a refusal from having
 * effect on others, never to give it any.
 */
const LOCAL_MATTER = /address (already )?in use|cannot bind|failed to bind/i;

const NOTHING: ReadonlySet<string> = new Set();
const NO_NAMES: readonly string[] = [];
const typeKey = (key: string, typeUrl: string): string => `${typeUrl} ${key}`;

export interface QuarantineOptions {
  /** A canary hasn't answered in time, and others get its content. */
  readonly onCanaryOverdue?: CanaryOptions["onOverdue"];
}

export function createQuarantine(cache: XdsCache, { onCanaryOverdue }: QuarantineOptions = {}): Quarantine {
  const types = new Map<string, TypeVerdicts>();
  const witnesses = new Map<string, Set<Witness>>();
  const listeners = new Set<() => void>();
  const nobody: ReadonlySet<Witness> = new Set();
  const canary = createCanary({
    cache,
    witnesses: (key, typeUrl) => witnesses.get(typeKey(key, typeUrl)) ?? nobody,
    onOverdue: onCanaryOverdue,
  });

  function changed(): void {
    for (const listener of listeners) listener();
  }

  function typeOf(key: string, typeUrl: string): TypeVerdicts {
    const id = typeKey(key, typeUrl);
    let found = types.get(id);
    if (found === undefined) {
      const watch = cache.subscribe(key, typeUrl, () => {
        watch.changedNames.clear();
        changed();
      });
      found = { key, typeUrl, byName: new Map(), watch };
      types.set(id, found);
    }
    return found;
  }

  function verdictOf({ key, typeUrl, name, digest }: Refusal): Verdict {
    const type = typeOf(key, typeUrl);
    const byDigest = type.byName.get(name) ?? new Map<string, Verdict>();
    type.byName.delete(name);
    type.byName.set(name, byDigest);
    type.watch.add(name);
    const known = byDigest.get(digest);
    if (known !== undefined) return known;
    const verdict: Verdict = { refusals: new Map(), acceptedBy: new Set() };
    byDigest.set(digest, verdict);
    // Those that had it before the first refusal keep it.
    if (isServed(key, typeUrl, name, digest)) {
      for (const witness of witnesses.get(typeKey(key, typeUrl)) ?? []) {
        if (witness.hasAccepted(name)) verdict.acceptedBy.add(witness.node);
      }
    }
    dropOldest(byDigest, MAX_CONTENTS);
    for (const dropped of dropOldest(type.byName, MAX_NAMES)) type.watch.delete(dropped);
    return verdict;
  }

  function forgive({ key, typeUrl, node, nodeVersion }: Witness): boolean {
    let any = false;
    for (const [name, byDigest] of types.get(typeKey(key, typeUrl))?.byName ?? []) {
      for (const { refusals } of byDigest.values()) {
        const refusal = refusals.get(node);
        if (refusal === undefined || (refusal.nodeVersion === nodeVersion && !isLocal(refusal))) continue;
        refusals.delete(node);
        any = true;
        if (refusal.canary === true) canary.begin(key, typeUrl, name);
      }
    }
    return any;
  }

  function isServed(key: string, typeUrl: string, name: string, digest: string): boolean {
    const resource = cache.get(key, typeUrl, name);
    return resource !== undefined && (resource.version === digest || resource.parts.some((it) => it.digest === digest));
  }

  return {
    note(refusals) {
      const touched = new Set<string>();
      const tested = refusals.map((it) => it.canary === true || canary.isTrial(it, it.node));
      for (const [index, given] of refusals.entries()) {
        const refusal = tested[index] === true ? { ...given, canary: true } : given;
        const verdict = verdictOf(refusal);
        verdict.acceptedBy.delete(refusal.node);
        verdict.refusals.delete(refusal.node);
        verdict.refusals.set(refusal.node, { ...refusal, message: refusal.message.slice(0, MAX_MESSAGE) });
        touched.add(typeKey(refusal.key, refusal.typeUrl));
        if (refusal.canary === true) canary.end(refusal.key, refusal.typeUrl, refusal.name);
      }
      for (const id of touched) for (const witness of witnesses.get(id) ?? []) witness.wake();
      if (touched.size > 0) changed();
    },
    retract(refusals) {
      const touched = new Set<string>();
      for (const { key, typeUrl, name, digest, node } of refusals) {
        const id = typeKey(key, typeUrl);
        if (types.get(id)?.byName.get(name)?.get(digest)?.refusals.delete(node) === true) touched.add(id);
      }
      for (const id of touched) for (const witness of witnesses.get(id) ?? []) witness.wake();
      if (touched.size > 0) changed();
    },
    nodes(key) {
      const nodes = new Set<string>();
      for (const group of witnesses.values()) for (const it of group) if (it.key === key) nodes.add(it.node);
      return nodes;
    },
    accepted({ key, typeUrl, node }, resources) {
      canary.accepted(key, typeUrl, resources);
      const type = types.get(typeKey(key, typeUrl));
      if (type === undefined) return;
      for (const { name, version, parts } of resources) {
        const byDigest = type.byName.get(name);
        if (byDigest === undefined) continue;
        for (const digest of [version, ...parts.map((part) => part.digest)]) {
          const verdict = byDigest.get(digest);
          if (verdict === undefined) continue;
          verdict.acceptedBy.add(node);
          if (verdict.refusals.delete(node)) changed();
        }
      }
    },
    names(key, typeUrl) {
      const tried = canary.names(key, typeUrl);
      if (types.size === 0 && tried.length === 0) return NO_NAMES;
      return [...(types.get(typeKey(key, typeUrl))?.byName.keys() ?? []), ...tried];
    },
    setCanaryTimeout(ms) {
      canary.setTimeout(ms);
      for (const group of witnesses.values()) for (const witness of group) canary.attached(witness);
    },
    refusedFor(witness, name) {
      const { key, typeUrl, node } = witness;
      const byDigest = types.get(typeKey(key, typeUrl))?.byName.get(name);
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
      [...types.values()].flatMap(({ key, typeUrl, byName }) =>
        [...byName].flatMap(([name, byDigest]) =>
          [...byDigest].flatMap(([digest, verdict]) => {
            const refusals = [...verdict.refusals.values()].toReversed();
            const [first] = refusals;
            if (first === undefined || !isServed(key, typeUrl, name, digest)) return [];
            return { key, typeUrl, name, digest, origin: first.origin, refusals, spread: spreads(verdict) };
          }),
        ),
      ),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    attach(witness) {
      const id = typeKey(witness.key, witness.typeUrl);
      const group = witnesses.get(id) ?? new Set();
      witnesses.set(id, group.add(witness));
      canary.attached(witness);
      if (forgive(witness)) changed();
      return () => {
        group.delete(witness);
        if (group.size === 0 && witnesses.get(id) === group) witnesses.delete(id);
        canary.detached(witness);
      };
    },
  };
}

function spreads({ refusals }: Verdict): boolean {
  let count = 0;
  for (const refusal of refusals.values()) {
    if (isLocal(refusal)) continue;
    if (refusal.canary === true) return true;
    count++;
  }
  return count >= SPREADS_FROM;
}

function isLocal({ message }: Refusal): boolean {
  return LOCAL_MATTER.test(message);
}

function dropOldest<Key>(map: Map<Key, unknown>, limit: number): Key[] {
  const dropped = [...map.keys()].slice(0, Math.max(0, map.size - limit));
  for (const key of dropped) map.delete(key);
  return dropped;
}
