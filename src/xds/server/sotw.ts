import type { XdsResource } from "../cache/resource.ts";
import { setVersion } from "../cache/type-log.ts";
import { decodeSotwRequest, type ErrorDetail, type SotwRequest } from "../wire.ts";
import { createLeases } from "./leases.ts";
import { contentKey, type ResponseContent, type XdsResponse } from "./responses.ts";
import { typeUrls } from "../type-urls.ts";
import type { Gates, Outgoing, Protocol, Settled, TypeStream, TypeStreamOptions } from "./type-stream.ts";

/** State of the world: each request lists all that is wanted, a response answers with a version for the type. */
export const sotw: Protocol<SotwRequest> = {
  mode: "sotw",
  decode: decodeSotwRequest,
  createTypeStream: createSotwTypeStream,
};

const EMPTY = setVersion([]);

/**
 * One outstanding response per type: then the request that answers it carries the client's newest list, and a request with an older nonce can
 * be dropped without losing a subscription (envoyproxy/envoy#10363).
 */
export function createSotwTypeStream(options: TypeStreamOptions): TypeStream<SotwRequest> {
  const { traits, subscription, responses, lifetimes } = options;
  const { log } = subscription;
  const leases = createLeases();
  /** Of a full state: what the client has of what it refused, undefined for nothing. */
  const stillHas = new Map<string, XdsResource | undefined>();
  const quarantine = options.quarantine(
    () => outstanding === undefined && !moved(),
    traits.fullState ? stillHas : undefined,
  );
  subscription.noteAll = traits.fullState;
  /** Named resources owed as an answer, whatever their version. */
  const owed = new Set<string>();
  /** Removed from the cache; the client keeps them until removals need no longer be held. */
  const retained = new Map<string, XdsResource>();
  /** Of a full state: subscribed to since the newest response, and so unknown to the client. */
  const gained = new Set<string>();
  /** Of a full state: what the client had before the outstanding response, of the resources that are news in it. */
  let priors = new Map<string, XdsResource | undefined>();
  let started = false;
  let listDigest = "";
  let everNamed = false;
  /** An answer is owed even if it is empty or says nothing new. */
  let answerDue = false;
  /** What a reconnecting client says that it has; read once. */
  let claimedVersion = "";
  let latest: XdsResponse | undefined;
  let outstanding: XdsResponse | undefined;
  /** What the outstanding response has of news. */
  let unanswered: readonly XdsResource[] = [];
  /** The outstanding response has resources that the client didn't have. */
  let adds = false;
  /** Where the log was read from for the newest response. */
  let sentSince = 0;
  let sentVersion: string | undefined;
  let ackedVersion: string | undefined;
  let nacked: { version: string; error: ErrorDetail } | undefined;

  function settle(request: SotwRequest): Settled | undefined {
    const response = outstanding;
    if (response === undefined) return undefined;
    outstanding = undefined;
    unanswered = [];
    const { errorDetail } = request;
    if (errorDetail === undefined) {
      ackedVersion = response.version;
      nacked = undefined;
      accepted(response);
    } else {
      nacked = { version: response.version, error: errorDetail };
      for (const [name, prior] of priors) if (!stillHas.has(name)) stillHas.set(name, prior);
    }
    quarantine.answered(response, response.resources, errorDetail);
    return { response, errorDetail };
  }

  function accepted({ resources }: XdsResponse): void {
    if (stillHas.size === 0) return;
    const names = new Set(resources.map(({ name }) => name));
    for (const name of stillHas.keys()) if (priors.has(name) || !names.has(name)) stillHas.delete(name);
  }

  function subscribe(request: SotwRequest): void {
    const { digest } = request.resourceNames;
    if (started && digest === listDigest) return;
    listDigest = digest;
    const names = new Set(request.resourceNames.decode());
    // Naming anything, `*` included, ends the legacy meaning of an empty list for the rest of the stream.
    if (names.size > 0) everNamed = true;
    const wildcard = names.delete("*") || (!everNamed && traits.legacyWildcard);
    const before = subscription.wildcard;
    // The first response has nothing but news anyway.
    const tracks = traits.fullState && sentVersion !== undefined;
    if (wildcard && !before) {
      answerDue = true;
      if (tracks) for (const { name } of log.resources()) if (!subscription.covers(name)) gained.add(name);
    }
    subscription.setWildcard(wildcard);
    for (const name of subscription.names.keys()) if (!names.has(name)) drop(name);
    for (const name of names) {
      if (!subscription.add(name)) continue;
      owed.add(name);
      if (traits.fullState) answerDue = true;
      if (tracks && !before) gained.add(name);
    }
    for (const known of [retained, stillHas, gained]) {
      for (const name of known.keys()) if (!subscription.covers(name)) known.delete(name);
    }
  }

  function drop(name: string): void {
    subscription.delete(name);
    owed.delete(name);
    leases.drop(name);
  }

  function* subscribed(): Generator<XdsResource> {
    if (subscription.wildcard) {
      yield* subscription.resources();
      return;
    }
    for (const name of subscription.names.keys()) {
      const resource = subscription.get(name);
      if (resource !== undefined) yield resource;
    }
  }

  function moved(): boolean {
    return subscription.changedNames.size > 0 || (subscription.wildcard && subscription.cursor !== log.head);
  }

  /** A client that reconnects may be about to delete something. */
  function expires(): boolean {
    return lifetimes && [...subscribed()].some(({ ttlMs }) => ttlMs !== undefined);
  }

  function read(): void {
    sentSince = subscription.cursor;
    subscription.cursor = log.head;
    subscription.changedNames.clear();
  }

  /**
   * Listeners and clusters: everything, every time; what isn't in it is deleted. `trial` names what is tried to find out what is at fault,
   * `found` says that this has just been found out.
   */
  function nextFullState(
    { holdChanges, holdRemovals }: Gates,
    trial: readonly string[] | undefined,
    found: boolean,
  ): Outgoing | undefined {
    const first = sentVersion === undefined;
    const forced = answerDue || trial !== undefined;
    if (!forced && !found && (holdChanges || !(moved() || (retained.size > 0 && !holdRemovals)))) return undefined;
    const had = (name: string, before: XdsResource | undefined): XdsResource | undefined => {
      if (stillHas.has(name)) return stillHas.get(name);
      return retained.get(name) ?? (gained.has(name) ? undefined : before);
    };
    for (const name of gained) if (!subscription.changedNames.has(name)) subscription.changedNames.set(name, undefined);
    const changed: XdsResource[] = trial?.flatMap((name) => subscription.get(name) ?? []) ?? [];
    if (first) changed.push(...subscribed());
    const replaced = new Map(changed.map(({ name }) => [name, had(name, undefined)]));
    let news = first || trial !== undefined;
    for (const name of trial ?? []) subscription.changedNames.delete(name);
    for (const [name, before] of first ? [] : subscription.changedNames) {
      const resource = subscription.get(name);
      if (!subscription.covers(name) || (resource === undefined && subscription.withheld(name))) continue;
      // It may be older than what was served until now.
      const prior = had(name, before);
      if (resource === undefined) {
        if (prior !== undefined) retained.set(name, prior);
        continue;
      }
      news ||= prior === undefined;
      if (resource.version !== prior?.version) {
        changed.push(resource);
        replaced.set(name, prior);
      }
      retained.delete(name);
    }
    if (!holdRemovals) retained.clear();
    read();
    gained.clear();
    answerDue = false;
    owed.clear();
    const whole = subscription.wildcard && retained.size === 0;
    const version = whole ? subscription.version() : setVersion([...subscribed(), ...retained.values()]);
    if (first && whole && subscription.names.size === 0 && claimedVersion === version && !expires()) {
      // The hash says that the client has precisely this, so a reconnect costs nothing.
      sentVersion = ackedVersion = version;
      return undefined;
    }
    if (!forced && version === sentVersion) return undefined;
    // All that was refused stays out, so the client has this; or it has nothing, and needn't be told so.
    if (found && !forced && version === (ackedVersion ?? EMPTY)) return undefined;
    priors = replaced;
    return send(changed, news, `* ${version}`, () => ({
      version,
      resources: [...subscribed(), ...retained.values()],
      removed: [],
    }));
  }

  /**
   * Whether a reconnecting client has all that it names: its version is that of the set of named resources as they were sent to it, so one that
   * was named, but not sent, or sent anew, makes another. Not so for endpoints: a cluster that was changed just before waits for them
   * whatever they are (envoyproxy/envoy#13009).
   */
  function hasAllNamed(): boolean {
    const claimed = claimedVersion;
    claimedVersion = "";
    if (latest !== undefined || claimed === "" || subscription.wildcard) return false;
    if (traits.typeUrl === typeUrls.endpoint || setVersion(subscribed()) !== claimed || expires()) return false;
    for (const name of subscription.names.keys()) subscription.sent(name, subscription.get(name)?.version);
    owed.clear();
    read();
    sentVersion = ackedVersion = claimed;
    return true;
  }

  /** All other types: only what is new, since absence means nothing; a deletion follows from the resource that refers to it. */
  function nextPartial({ holdChanges }: Gates, trial: readonly string[] | undefined): Outgoing | undefined {
    if (claimedVersion !== "" && trial === undefined && hasAllNamed()) return undefined;
    const names = new Set<string>(trial ?? owed);
    const held = trial !== undefined || ((holdChanges || quarantine.searching) && !answerDue);
    if (held) {
      for (const name of trial ?? []) subscription.changedNames.delete(name);
    } else {
      for (const name of subscription.changedNames.keys()) {
        // Absence means nothing to the client, so it isn't told.
        if (!subscription.names.has(name) || subscription.get(name)?.version !== subscription.names.get(name))
          names.add(name);
      }
      if (subscription.wildcard) for (const { name } of log.since(subscription.cursor)) names.add(name);
      read();
    }
    const resources: XdsResource[] = [];
    let news = false;
    for (const name of names) {
      const resource = subscription.get(name);
      owed.delete(name);
      if (resource !== undefined) {
        resources.push(resource);
        news ||= subscription.names.get(name) === undefined;
      }
      subscription.sent(name, resource?.version);
    }
    if (resources.length === 0 && (!answerDue || trial !== undefined)) return undefined;
    if (trial === undefined) answerDue = false;
    const version = subscription.wildcard ? subscription.version() : subscription.sentVersion();
    const key = `${version} ${contentKey(resources, [])}`;
    return send(resources, news, key, () => ({ version, resources, removed: [] }));
  }

  /**
   * Says of what has a lifetime that it lives on, with its content: of a resource without it Envoy (up to 1.40, here) takes notice, and
   * deletes it nevertheless.
   */
  function nextProlonged(gates: Gates): Outgoing | undefined {
    const due = leases.due();
    if (due.length === 0) return undefined;
    for (const { name } of due) if (subscription.covers(name)) owed.add(name);
    if (traits.fullState) answerDue = true;
    return nextNews(gates);
  }

  function nextNews(gates: Gates): Outgoing | undefined {
    quarantine.refresh();
    const searching = quarantine.searching;
    const trial = quarantine.next();
    if (!traits.fullState) return nextPartial(gates, trial);
    return nextFullState(gates, trial, searching && !quarantine.searching);
  }

  function send(changed: readonly XdsResource[], news: boolean, key: string, content: () => ResponseContent): Outgoing {
    const shared = lifetimes ? `${key} with lifetimes` : key;
    const response = responses.make(log, shared, latest?.serial ?? 0, () => ({ ...content(), lifetimes }));
    if (lifetimes) leases.sent(response.resources, traits.fullState ? "others" : []);
    latest = outstanding = response;
    adds = news;
    unanswered = changed;
    sentVersion = response.version;
    nacked = undefined;
    quarantine.sent(response, changed);
    return { response, changed: () => changed };
  }

  return {
    traits,
    receive(request) {
      // The first request counts as such whatever its nonce: Envoy may send one from an earlier stream (envoyproxy/envoy#15767).
      if (latest !== undefined && request.responseNonce !== latest.nonce) return undefined;
      const settled = settle(request);
      if (!started) claimedVersion = request.versionInfo;
      subscribe(request);
      started = true;
      return settled;
    },
    next(gates) {
      if (!started || outstanding !== undefined || !log.complete) return undefined;
      return nextNews(gates) ?? nextProlonged(gates);
    },
    resend(name) {
      if (!subscription.covers(name)) return;
      if (traits.fullState) answerDue = true;
      else owed.add(name);
    },
    get subscriptions() {
      return subscription.names.size;
    },
    get asked() {
      return owed.size > 0 || answerDue;
    },
    get pending() {
      return started && log.complete && moved();
    },
    get outstanding() {
      return outstanding === undefined ? 0 : 1;
    },
    get refused() {
      return quarantine.active;
    },
    get head() {
      return log.head;
    },
    adding(through) {
      if (outstanding !== undefined && adds && sentSince < through) return true;
      return subscription.cursor < through && subscription.hasAdditions();
    },
    get wakeAt() {
      return leases.next;
    },
    resuming: false,
    describe: () => ({
      typeUrl: traits.typeUrl,
      wildcard: subscription.wildcard,
      names: [...subscription.names.keys()],
      sent: sentVersion,
      acked: ackedVersion,
      nacked,
      outstanding: outstanding === undefined ? 0 : 1,
      unanswered: unanswered.map(({ name }) => name),
      unsent: subscription.unread(),
      held: [...retained.keys()],
      quarantined: [...subscription.overridden].map(([name, given]) => ({ name, given: given?.version })),
    }),
    close() {
      quarantine.close();
      subscription.close();
    },
  };
}
