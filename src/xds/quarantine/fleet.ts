import type { Roles } from "./roles.ts";

/** What a replica tells the others, so that all choose the same canary. Plain data. */
export interface CanaryNews {
  /** Of the connected nodes of each snapshot key the one with the lowest id. */
  readonly first: readonly { readonly role: string; readonly key: string; readonly node: string }[];
  /** Versions of resources that a proxy here has accepted, the latest last. */
  readonly accepted: readonly string[];
  /** Versions that no proxy here is subscribed to, so that another replica's may try them. */
  readonly passed: readonly string[];
}

/** Content that one proxy is to try first. */
export interface Tried {
  readonly role: string;
  /** The snapshot keys under which it is served. */
  readonly keys: readonly string[];
  readonly version: string;
}

/** This replica and the others, and whose turn it is to try something first. */
export interface Fleet {
  /** Whether there is any other replica. */
  readonly any: boolean;
  /** A proxy begins or ends a subscription to some type. */
  count(key: string, node: string, difference: 1 | -1): void;
  /** Whether a node of the role is connected here. */
  isConnected(role: string, node: string): boolean;
  /** Ids of the nodes that are connected here, by snapshot key. */
  connected(): ReadonlyMap<string, ReadonlySet<string>>;
  /** Notes what became of content here, for others to know for so many ms. */
  tell(version: string, outcome: "accepted" | "passed", forMs: number): void;
  /** Whether it was told of this replica that nobody here is subscribed to it. */
  hasPassed(version: string): boolean;
  /** What is to be told. */
  news(): CanaryNews;
  /** Takes what a replica tells in place of what it told; undefined: it is gone. */
  hear(replica: string, news: CanaryNews | undefined): void;
  /** Whether a proxy elsewhere has accepted this version. */
  accepted(version: string): boolean;
  /** The node of the lowest id elsewhere, if its replica goes first; undefined: it is this one's turn, or nobody's. */
  firstElsewhere(content: Tried): string | undefined;
  /** It is waited for this node's replica no longer, until that has something new to tell. */
  silence(role: string, node: string): void;
}

interface Replica extends Pick<CanaryNews, "first"> {
  readonly accepted: ReadonlySet<string>;
  readonly passed: ReadonlySet<string>;
  /** Roles whose canary didn't answer in time. */
  readonly silent: Set<string>;
}

interface Candidate {
  readonly node: string;
  readonly rank: number;
}

/** So many versions are told to others. */
const MAX_OUTCOMES = 4_000;

/** Proxies that are given all come before those from which something is withheld: other replicas needn't know what these are given. */
const rankOf = (role: string, key: string): number => (key === role ? 0 : 1);
const goesFirst = (a: Candidate, b: Candidate): boolean => a.rank < b.rank || (a.rank === b.rank && a.node < b.node);
export const isFirst = (role: string, a: { key: string; node: string }, b: { key: string; node: string }): boolean =>
  goesFirst({ node: a.node, rank: rankOf(role, a.key) }, { node: b.node, rank: rankOf(role, b.key) });

export function createFleet(roles: Roles): Fleet {
  const replicas = new Map<string, Replica>();
  /** By snapshot key and node, the number of subscriptions. */
  const nodes = new Map<string, Map<string, number>>();
  /** By snapshot key, as long as it holds. */
  const lowest = new Map<string, string>();
  const outcomes = new Map<string, { readonly outcome: "accepted" | "passed"; readonly until: number }>();

  const isConnected = (role: string, node: string): boolean =>
    roles.keysOf(role).some((key) => nodes.get(key)?.has(node) === true);

  function firstOf(key: string): string | undefined {
    const known = lowest.get(key);
    if (known !== undefined) return known;
    let first: string | undefined;
    for (const node of nodes.get(key)?.keys() ?? []) if (first === undefined || node < first) first = node;
    if (first !== undefined) lowest.set(key, first);
    return first;
  }

  function best(
    role: string,
    candidates: Iterable<{ readonly key: string; readonly node: string }>,
  ): Candidate | undefined {
    let found: Candidate | undefined;
    for (const { key, node } of candidates) {
      const it = { node, rank: rankOf(role, key) };
      if (found === undefined || goesFirst(it, found)) found = it;
    }
    return found;
  }

  return {
    get any() {
      return replicas.size > 0;
    },
    count(key, node, difference) {
      const counts = nodes.get(key) ?? new Map<string, number>();
      const now = (counts.get(node) ?? 0) + difference;
      if (now > 0) counts.set(node, now);
      else counts.delete(node);
      if (counts.size > 0) nodes.set(key, counts);
      else nodes.delete(key);
      if (now === 0 || now === 1) lowest.delete(key);
    },
    isConnected,
    connected: () => new Map([...nodes].map(([key, counts]) => [key, new Set(counts.keys())])),
    tell(version, outcome, forMs) {
      outcomes.delete(version);
      outcomes.set(version, { outcome, until: performance.now() + forMs });
      const [oldest] = outcomes.keys();
      if (outcomes.size > MAX_OUTCOMES && oldest !== undefined) outcomes.delete(oldest);
    },
    hasPassed: (version) => outcomes.get(version)?.outcome === "passed",
    news() {
      const now = performance.now();
      for (const [version, { until }] of outcomes) if (until < now) outcomes.delete(version);
      const versions = (wanted: "accepted" | "passed"): string[] =>
        [...outcomes].filter(([, { outcome }]) => outcome === wanted).map(([version]) => version);
      return {
        first: [...nodes.keys()].flatMap((key) => {
          const node = firstOf(key);
          return node === undefined ? [] : { role: roles.roleOf(key), key, node };
        }),
        accepted: versions("accepted"),
        passed: versions("passed"),
      };
    },
    hear(replica, news) {
      replicas.delete(replica);
      if (news === undefined) return;
      const { first, accepted, passed } = news;
      replicas.set(replica, { first, accepted: new Set(accepted), passed: new Set(passed), silent: new Set() });
    },
    accepted: (version) => [...replicas.values()].some(({ accepted }) => accepted.has(version)),
    firstElsewhere({ role, keys, version }) {
      const willing = [...replicas.values()].filter((it) => !it.passed.has(version) && !it.silent.has(role));
      // A node that is connected here has left the replica that still tells of it, which may have died.
      const isCandidate = (it: CanaryNews["first"][number]): boolean =>
        it.role === role && keys.includes(it.key) && !isConnected(role, it.node);
      const elsewhere = best(
        role,
        willing.flatMap(({ first }) => first.filter(isCandidate)),
      );
      if (elsewhere === undefined || outcomes.get(version)?.outcome === "passed") return elsewhere?.node;
      const here = best(
        role,
        keys.flatMap((key) => {
          const node = firstOf(key);
          return node === undefined ? [] : { key, node };
        }),
      );
      return here !== undefined && goesFirst(here, elsewhere) ? undefined : elsewhere.node;
    },
    silence(role, node) {
      for (const { first, silent } of replicas.values()) {
        if (first.some((it) => it.role === role && it.node === node)) silent.add(role);
      }
    },
  };
}
