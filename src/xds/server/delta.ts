import type { XdsResource } from "../cache/resource.ts";
import type { LogEntry } from "../cache/type-log.ts";
import { type DeltaRequest, decodeDeltaRequest, type ErrorDetail } from "../wire.ts";
import { typeUrls } from "../type-urls.ts";
import { createLeases } from "./leases.ts";
import { contentKey, type ResponseContent, type XdsResponse } from "./responses.ts";
import type { Gates, Outgoing, Protocol, Settled, TypeStream, TypeStreamOptions } from "./type-stream.ts";

/** Incremental: requests change the subscription, responses carry what changed, each resource with its own version. */
export const delta: Protocol<DeltaRequest> = {
  mode: "delta",
  decode: decodeDeltaRequest,
  createTypeStream: createDeltaTypeStream,
};

/** So many responses may be unanswered before even subscriptions have to wait: a client that never answers costs no more. */
const MAX_OUTSTANDING = 16;

/**
 * Changes wait until the last response was answered, and then go as one. Answers to subscriptions don't wait: Envoy delays its ACK of new
 * clusters until these are warm, and warming may depend on the answer.
 */
export function createDeltaTypeStream(options: TypeStreamOptions): TypeStream<DeltaRequest> {
  const { traits, subscription, responses } = options;
  const { log } = subscription;
  const quarantine = options.quarantine(() => outstanding.size === 0 && !moved());
  const outstanding = new Map<string, { response: XdsResponse; adds: boolean; since: number }>();
  /** Names owed as an answer, whatever their version: the resource, or that there is none. */
  const owed = new Set<string>();
  /** Removed from the cache; the client is told when removals need no longer be held. */
  const held = new Set<string>();
  /** Their removal was refused: they are told again with the next resources, never in the same response. */
  const unremoved = new Set<string>();
  const leases = createLeases();
  let started = false;
  /** A wildcard subscription that is still to be answered, with everything, even if that is nothing. */
  let everythingDue = false;
  /** A first request without names is owed an answer, though that says nothing. */
  let answerDue = false;
  /** What a reconnecting client says that it has; resolved once the type is complete. */
  let claimed: Map<string, string> | undefined;
  let resuming = false;
  let lastSerial = 0;
  /** Where the log was read from for the response under way. */
  let sentSince = 0;
  let sentVersion: string | undefined;
  let ackedVersion: string | undefined;
  let nacked: { version: string; error: ErrorDetail } | undefined;

  function settle(request: DeltaRequest): Settled | undefined {
    const response = outstanding.get(request.responseNonce)?.response;
    if (response === undefined) return undefined;
    outstanding.delete(request.responseNonce);
    const { errorDetail } = request;
    if (errorDetail === undefined) {
      ackedVersion = response.version;
      nacked = undefined;
    } else {
      nacked = { version: response.version, error: errorDetail };
      const again = response.resources.length > 0 ? held : unremoved;
      // What is there again by now follows it, or has already.
      for (const name of response.removed) if (subscription.get(name) === undefined) again.add(name);
    }
    quarantine.answered(response, response.resources, errorDetail);
    return { response, errorDetail };
  }

  function subscribe(name: string): void {
    if (name === "*") {
      everythingDue = true;
      subscription.setWildcard(true);
      // The client takes what is on its way, whose removal it wasn't told while it didn't subscribe.
      for (const { response } of outstanding.values()) {
        for (const it of response.resources) if (log.get(it.name) === undefined) owe(it.name);
      }
      return;
    }
    subscription.add(name);
    owe(name);
  }

  function owe(name: string): void {
    claimed?.delete(name);
    owed.add(name);
  }

  function unsubscribe(name: string): void {
    if (name === "*") {
      everythingDue = false;
      subscription.setWildcard(false);
      for (const it of [...owed, ...held, ...unremoved]) if (!subscription.covers(it)) forget(it);
      return;
    }
    subscription.delete(name);
    // The client can't know whether `*` includes the name, so it must be told again.
    if (subscription.wildcard) owe(name);
    else forget(name);
  }

  function forget(name: string): void {
    leases.drop(name);
    owed.delete(name);
    held.delete(name);
    unremoved.delete(name);
  }

  /** Compares what the client claims to have with what there is; only differences are owed. */
  function resolveClaim(has: ReadonlyMap<string, string>): void {
    for (const name of has.keys()) {
      if (!subscription.covers(name)) continue;
      if (log.get(name) !== undefined) {
        owed.add(name);
      } else {
        owed.delete(name);
        held.add(name);
      }
    }
    if (subscription.wildcard) {
      for (const { name } of log.resources()) owed.add(name);
      everythingDue = false;
    }
    for (const name of owed) {
      const resource = subscription.get(name);
      const version = resource?.version;
      // A client that reconnects may be about to delete it.
      if (options.lifetimes && resource?.ttlMs !== undefined) continue;
      // The client keeps what it has of what it isn't to be given.
      const kept = version === undefined && has.has(name) && subscription.withheld(name);
      if (!kept && (version === undefined || version !== has.get(name))) continue;
      owed.delete(name);
      subscription.sent(name, version);
    }
    read();
  }

  function read(): void {
    subscription.cursor = log.head;
    subscription.changedNames.clear();
  }

  function moved(): boolean {
    return subscription.changedNames.size > 0 || (subscription.wildcard && subscription.cursor !== log.head);
  }

  /** Whether this client can be given what there is of a type that isn't complete. */
  function mayGoAhead(): boolean {
    const asksForAllOnly = subscription.wildcard && subscription.names.size === 0 && owed.size === 0;
    return log.ahead && asksForAllOnly && !resuming;
  }

  function next(gates: Gates): Outgoing | undefined {
    if (!started || outstanding.size >= MAX_OUTSTANDING) return undefined;
    if (!log.complete && !mayGoAhead()) return undefined;
    return nextNews(gates) ?? nextProlonged();
  }

  function nextNews({ holdChanges, holdRemovals }: Gates): Outgoing | undefined {
    quarantine.refresh();
    if (claimed !== undefined) {
      resolveClaim(claimed);
      claimed = undefined;
    }
    const trial = outstanding.size === 0 ? quarantine.next() : undefined;
    if (trial !== undefined) return sendOnly(trial);
    const all = everythingDue;
    const forced = all || answerDue;
    answerDue = false;
    const changes = all || (!holdChanges && outstanding.size === 0 && !quarantine.searching);
    const release = changes && !holdRemovals && held.size > 0;
    if (!forced && owed.size === 0 && !release && !(changes && moved())) return undefined;
    everythingDue = false;
    const since = subscription.cursor;
    // A first answer needs no look at the log; where the client has something already, removals may be among the changes.
    const entries = changes && subscription.wildcard && !(all && since === 0) ? log.since(since) : [];
    const onlyEverything =
      owed.size === 0 && held.size === 0 && subscription.names.size === 0 && subscription.overridden.size === 0;
    const changedNames = changes
      ? [...subscription.changedNames.keys()].filter(
          (it) => !subscription.names.has(it) || subscription.get(it)?.version !== subscription.names.get(it),
        )
      : [];
    sentSince = since;
    if (changes) read();
    if (changes && onlyEverything && changedNames.length === 0 && forced === all)
      return nextOfEverything(entries, since, all, holdRemovals);
    const added = new Set(entries.filter(({ created }) => created > since).map(({ name }) => name));
    const changed = new Set([...changedNames, ...entries.map(({ name }) => name)]);
    if (all) for (const { name } of subscription.resources()) changed.add(name);
    return nextOfNames(changed, added, { all: forced, release, holdRemovals });
  }

  /** For the clients that want everything and nothing else: they differ in their cursor only, so they share the response. */
  function nextOfEverything(
    entries: readonly LogEntry[],
    since: number,
    all: boolean,
    holdRemovals: boolean,
  ): Outgoing | undefined {
    const removals = entries.filter(({ resource }) => resource === undefined);
    if (holdRemovals) for (const { name } of removals) held.add(name);
    if (!all && entries.length === (holdRemovals ? removals.length : 0)) return undefined;
    const adds = all || entries.some(({ resource, created }) => resource !== undefined && created > since);
    return send(adds, `* ${since} ${all} ${holdRemovals}`, () => ({
      version: log.version(),
      resources: all ? [...log.resources()] : entries.flatMap(({ resource }) => resource ?? []),
      removed: holdRemovals ? [] : removals.map(({ name }) => name),
    }));
  }

  function nextOfNames(
    changed: ReadonlySet<string>,
    added: ReadonlySet<string>,
    turn: { all: boolean; release: boolean; holdRemovals: boolean },
  ): Outgoing | undefined {
    const resources: XdsResource[] = [];
    const removed: string[] = [];
    const absent: string[] = [];
    let adds = turn.all;
    for (const name of new Set([...owed, ...changed])) {
      const resource = subscription.get(name);
      if (resource === undefined && !owed.has(name) && subscription.withheld(name)) continue;
      if (resource !== undefined) {
        resources.push(resource);
        held.delete(name);
        adds ||= added.has(name) || (subscription.names.has(name) && subscription.names.get(name) === undefined);
      } else if (owed.has(name) && traits.typeUrl === typeUrls.virtualHost) {
        // Envoy holds the request that needs the virtual host until a resource answers its alias, which a removal doesn't.
        absent.push(name);
      } else if (owed.has(name) || !turn.holdRemovals) {
        removed.push(name);
        held.delete(name);
      } else {
        held.add(name);
        continue;
      }
      subscription.sent(name, resource?.version);
    }
    owed.clear();
    if (turn.release) {
      removed.push(...held);
      held.clear();
    }
    if (resources.length === 0 && removed.length === 0 && absent.length === 0 && !turn.all) return undefined;
    const version = subscription.version();
    const bare = absent.map((name) => ({ name, version: "", aliases: [name] }));
    return send(adds, contentKey(resources, [...removed, "", ...absent]), () => ({
      version,
      resources,
      removed,
      bare,
    }));
  }

  /** Says of what has a lifetime that it lives on. */
  function nextProlonged(): Outgoing | undefined {
    if (outstanding.size > 0) return undefined;
    const bare = leases.due();
    if (bare.length === 0) return undefined;
    sentSince = subscription.cursor;
    const version = subscription.version();
    return send(false, `lives ${JSON.stringify(bare)}`, () => ({ version, resources: [], removed: [], bare }));
  }

  /** To find out what is at fault: these, and nothing else. */
  function sendOnly(names: readonly string[]): Outgoing | undefined {
    const resources = names.flatMap((name) => subscription.get(name) ?? []);
    for (const { name, version } of resources) {
      owed.delete(name);
      held.delete(name);
      subscription.changedNames.delete(name);
      subscription.sent(name, version);
    }
    if (resources.length === 0) return undefined;
    sentSince = subscription.cursor;
    const version = subscription.version();
    return send(true, contentKey(resources, []), () => ({ version, resources, removed: [] }));
  }

  function send(adds: boolean, key: string, content: () => ResponseContent): Outgoing {
    const response = responses.make(log, key, lastSerial, content);
    lastSerial = response.serial;
    sentVersion = response.version;
    nacked = undefined;
    outstanding.set(response.nonce, { response, adds, since: sentSince });
    if (response.resources.length > 0) {
      for (const name of unremoved) held.add(name);
      unremoved.clear();
    }
    if (options.lifetimes) leases.sent(response.resources, response.removed);
    quarantine.sent(response, response.resources);
    return { response, changed: () => response.resources };
  }

  return {
    traits,
    receive(request) {
      const settled = settle(request);
      if (!started && request.subscribe.length === 0) {
        if (traits.legacyWildcard) subscribe("*");
        // A route table with virtual hosts on demand is served when its subscription has been answered, before anything is asked for.
        answerDue = traits.typeUrl === typeUrls.virtualHost;
      }
      for (const name of request.unsubscribe) unsubscribe(name);
      for (const name of request.subscribe) subscribe(name);
      if (!started && request.initialResourceVersions.size > 0) {
        claimed = new Map(request.initialResourceVersions);
        resuming = true;
      }
      started = true;
      return settled;
    },
    next,
    resend(name) {
      if (subscription.covers(name)) owe(name);
    },
    get subscriptions() {
      return Math.max(subscription.names.size, claimed?.size ?? 0);
    },
    get asked() {
      return owed.size > 0 || everythingDue || claimed !== undefined;
    },
    get pending() {
      return started && log.complete && moved();
    },
    get outstanding() {
      return outstanding.size;
    },
    get refused() {
      return quarantine.active;
    },
    get head() {
      return log.head;
    },
    adding(through) {
      for (const { adds, since } of outstanding.values()) if (adds && since < through) return true;
      return subscription.cursor < through && subscription.hasAdditions();
    },
    get wakeAt() {
      return leases.next;
    },
    get resuming() {
      return resuming;
    },
    describe: () => ({
      typeUrl: traits.typeUrl,
      wildcard: subscription.wildcard,
      names: [...subscription.names.keys()],
      sent: sentVersion,
      acked: ackedVersion,
      nacked,
      outstanding: outstanding.size,
      unanswered: [...outstanding.values()].flatMap(({ response }) => response.resources.map(({ name }) => name)),
      unsent: subscription.unread(),
      held: [...held],
      quarantined: [...subscription.overridden].map(([name, given]) => ({ name, given: given?.version })),
    }),
    close() {
      quarantine.close();
      subscription.close();
    },
  };
}
