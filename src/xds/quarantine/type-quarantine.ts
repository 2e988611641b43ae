import type { XdsResource } from "../cache/resource.ts";
import type { Subscription } from "../cache/subscription.ts";
import type { ErrorDetail } from "../wire.ts";
import { type Bisection, createBisection } from "./bisection.ts";
import { blamedBy, composeWithout } from "./compose.ts";
import { createPartSearch, type PartSearch } from "./part-search.ts";
import type { Quarantine } from "./quarantine.ts";
import type { Refusal, Witness } from "./refusal.ts";

export interface TypeQuarantineOptions {
  readonly quarantine: Quarantine;
  readonly subscription: Subscription;
  readonly key: string;
  readonly typeUrl: string;
  readonly node: string;
  readonly nodeVersion: string;
  /** Whether all that was sent is answered, and nothing is unsent. */
  settled(): boolean;
  /**
   * Where each response says all that there is: what the client has of what it refused, undefined for nothing. It must be in each trial, since
   * what other proxies have accepted may be something else that this one refuses.
   */
  readonly stillHas?: ReadonlyMap<string, XdsResource | undefined> | undefined;
  wake(): void;
}

/** What one stream of one type does about refusals: what its client is given instead, and what to try next. */
export interface TypeQuarantine {
  /** Notes a response, and which of its resources were news to the client. */
  sent(response: object, news: readonly XdsResource[]): void;
  /** Takes the answer to it. */
  answered(response: object, resources: readonly XdsResource[], error: ErrorDetail | undefined): void;
  /** Adjusts what the stream is given to what is known. To be called before its changes are read. */
  refresh(): void;
  /**
   * Names to be sent now, in a response without other changes. Taken when nothing is unanswered; `sent` for it must follow. Undefined: there is
   * nothing to try.
   */
  next(): readonly string[] | undefined;
  /** Something was refused, and what of it is at fault isn't known yet: other changes have to wait. */
  readonly searching: boolean;
  /** The client lacks something of what others are served. */
  readonly active: boolean;
  close(): void;
}

/** A client that refuses everything isn't asked for ever: after so many faults in one search the rest stays as it was. */
const MAX_FAULTS = 64;

/** Responses are shared by streams; that one was accepted needs noting once. */
const credited = new WeakSet<object>();

export function createTypeQuarantine(options: TypeQuarantineOptions): TypeQuarantine {
  const { quarantine, subscription, key, typeUrl, node, nodeVersion, stillHas } = options;
  const { log } = subscription;
  const newsOf = new Map<object, readonly XdsResource[]>();
  /** Which of the resources that were refused together are at fault. */
  let search: Bisection | undefined;
  /** Of the faults found so far, these have been looked into. */
  let examined = 0;
  /** Versions in the log of what is being searched: another one is news, and no longer suspect. */
  const suspects = new Map<string, { readonly version: string; message: string }>();
  let parts: { readonly name: string; readonly search: PartSearch } | undefined;
  /** To be sent when the search is over. */
  const due = new Set<string>();
  let trial: { readonly names: ReadonlySet<string>; readonly parts: PartSearch | undefined } | undefined;
  let trialResponse: object | undefined;
  const witness: Witness = {
    key,
    typeUrl,
    node,
    nodeVersion,
    covers: (name) => subscription.covers(name),
    hasAccepted: (name) => options.settled() && subscription.covers(name) && !subscription.overridden.has(name),
    wake: options.wake,
  };
  const detach = quarantine.attach(witness);

  /** The last good version of a resource for this proxy. */
  function baseOf(name: string, version: string, refused: ReadonlySet<string>): XdsResource | undefined {
    return log
      .accepted(name)
      .find(
        (it) =>
          it.version !== version && !refused.has(it.version) && !it.parts.some(({ digest }) => refused.has(digest)),
      );
  }

  /** What the proxy is to be given under this name. */
  function given(name: string): XdsResource | undefined {
    const current = log.get(name);
    if (current === undefined) return undefined;
    if (parts?.name === name) return parts.search.given;
    const refused = quarantine.refusedFor(witness, name);
    const open = search !== undefined && (search.isOpen(name) || search.faults.indexOf(name, examined) >= 0);
    const aside = open && trial?.names.has(name) !== true;
    const affected = aside || refused.has(current.version) || current.parts.some(({ digest }) => refused.has(digest));
    if (!affected) return current;
    if (aside && stillHas?.has(name) === true) return stillHas.get(name);
    const base = baseOf(name, current.version, refused);
    return aside ? base : composeWithout(current, base, refused);
  }

  function apply(name: string): void {
    const resource = given(name);
    const quietly = suspects.has(name);
    if (resource === log.get(name)) subscription.restore(name, quietly);
    else subscription.override(name, resource, quietly);
  }

  function refresh(): void {
    for (const [name, { version }] of suspects) {
      if (log.get(name)?.version === version && subscription.covers(name)) continue;
      suspects.delete(name);
      search?.forget(name);
      due.delete(name);
      if (parts?.name === name) parts = undefined;
    }
    const others = quarantine.names(witness);
    if (others.length === 0 && suspects.size === 0 && subscription.overridden.size === 0) return;
    for (const name of new Set([...subscription.overridden.keys(), ...suspects.keys(), ...others]))
      if (subscription.covers(name)) apply(name);
  }

  function conclude(name: string, found: PartSearch): void {
    const at = Date.now();
    const refusals = found.faults.map(
      ({ digest, origin, message }): Refusal => ({
        ...{ key, typeUrl, name, digest, origin, node, nodeVersion, message, at },
      }),
    );
    parts = undefined;
    quarantine.note(refusals);
    // Other parts of it are new, or gone, since the last good version.
    const resource = given(name);
    const kept =
      stillHas?.has(name) === true
        ? stillHas.get(name)
        : baseOf(name, found.resource.version, quarantine.refusedFor(witness, name));
    if (resource !== undefined && resource.version !== (found.acceptedVersion ?? kept?.version)) due.add(name);
  }

  function examine(name: string): void {
    const suspect = suspects.get(name);
    const current = log.get(name);
    if (suspect === undefined || current === undefined) return;
    const refused = quarantine.refusedFor(witness, name);
    const base = baseOf(name, current.version, refused);
    const wanted = composeWithout(current, base, refused);
    if (wanted === undefined) return;
    // What was refused was the last good version of others already: look for one before that.
    const before = wanted.version === base?.version ? baseOf(name, wanted.version, refused) : base;
    parts = { name, search: createPartSearch(wanted, before, suspect.message) };
  }

  /** Goes on until there is something to send, or nothing left to find out. */
  function advance(): readonly string[] | undefined {
    for (;;) {
      if (parts !== undefined) {
        if (!parts.search.over) return tryOut([parts.name], parts.search);
        conclude(parts.name, parts.search);
        continue;
      }
      const fault = search?.faults[examined];
      if (fault !== undefined) {
        examined++;
        examine(fault);
        continue;
      }
      if (search?.trial !== undefined && search.faults.length < MAX_FAULTS) {
        const names = search.trial.filter((name) => suspects.has(name));
        if (names.length > 0) return tryOut(names, undefined);
        search.settle(true);
        continue;
      }
      return finish();
    }
  }

  function tryOut(names: readonly string[], within: PartSearch | undefined): readonly string[] {
    trial = { names: new Set(names), parts: within };
    trialResponse = undefined;
    for (const name of suspects.keys()) apply(name);
    return names;
  }

  function finish(): readonly string[] | undefined {
    for (const name of search?.open ?? []) {
      const suspect = suspects.get(name);
      const current = log.get(name);
      if (suspect === undefined || current === undefined) continue;
      const [frame] = current.parts;
      quarantine.note([
        {
          ...{ key, typeUrl, name, digest: current.version, origin: frame?.origin, node, nodeVersion },
          ...{ message: suspect.message, at: Date.now() },
        },
      ]);
    }
    search = undefined;
    examined = 0;
    trial = undefined;
    for (const name of suspects.keys()) apply(name);
    suspects.clear();
    const names = [...due].filter((name) => subscription.covers(name));
    due.clear();
    return names.length > 0 ? names : undefined;
  }

  function suspect(resources: readonly XdsResource[], message: string): string[] {
    return resources.flatMap(({ name, version }) => {
      const current = log.get(name);
      // What was replaced since is no longer to be given anyway.
      if (current === undefined || !subscription.covers(name) || subscription.get(name)?.version !== version) return [];
      suspects.set(name, { version: current.version, message });
      return [name];
    });
  }

  function refused(news: readonly XdsResource[], message: string): void {
    const names = suspect(news, message);
    if (search !== undefined || parts !== undefined) {
      search ??= createBisection([]);
      search.add(names.filter((name) => name !== parts?.name));
      return;
    }
    const blamed = blamedBy(
      message,
      news.map((it) => ({ id: it.name, name: it.name, parts: it.parts })),
    );
    if (names.length === 0) return;
    // What was at fault may be among what was replaced since: then nothing is known of the rest.
    const all = names.length === news.length;
    search = createBisection(all ? names : [], blamed);
    if (!all) search.add(names);
  }

  function trialAnswered(news: readonly XdsResource[], error: ErrorDetail | undefined): void {
    if (trial === undefined) return;
    const { names, parts: within } = trial;
    trial = undefined;
    const others = news.filter(({ name }) => !names.has(name));
    // What came in meanwhile may be at fault as well: the trial said nothing, and is made again without that.
    if (error !== undefined && others.length > 0) return refused(others, error.message);
    if (within !== undefined) {
      within.settle(error === undefined, error?.message ?? "");
      return;
    }
    const tried = news.filter(({ name }) => names.has(name));
    if (error !== undefined) {
      for (const name of names) {
        const it = suspects.get(name);
        if (it !== undefined) it.message = error.message;
      }
    }
    const blamed = blamedBy(
      error?.message ?? "",
      tried.map((it) => ({ id: it.name, name: it.name, parts: it.parts })),
    );
    search?.settle(error === undefined, blamed);
    if (error === undefined) {
      for (const name of names) if (search?.faults.includes(name) !== true) suspects.delete(name);
    }
  }

  return {
    sent(response, news) {
      newsOf.set(response, news);
      if (trial !== undefined && trialResponse === undefined) trialResponse = response;
    },
    answered(response, resources, error) {
      const news = newsOf.get(response) ?? [];
      newsOf.delete(response);
      if (error === undefined) {
        if (!credited.has(response)) for (const resource of news) log.accept(resource);
        credited.add(response);
        quarantine.accepted(witness, resources);
      }
      if (response === trialResponse) {
        trialResponse = undefined;
        trialAnswered(news, error);
      } else if (error !== undefined) {
        refused(news, error.message);
      }
    },
    refresh,
    next() {
      if (trialResponse !== undefined || (search === undefined && parts === undefined)) return undefined;
      return advance();
    },
    get searching() {
      return search !== undefined || parts !== undefined;
    },
    get active() {
      return search !== undefined || parts !== undefined || subscription.overridden.size > 0;
    },
    close: detach,
  };
}
