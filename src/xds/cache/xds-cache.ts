import type { XdsResource, XdsResourceName } from "./resource.ts";
import { Subscription } from "./subscription.ts";
import { createTypeLog, type TypeLog, UNCHANGED } from "./type-log.ts";

/** A change of what is served under one snapshot key. Both lists take effect together: no stream ever sees half of it. */
export interface XdsChange {
  /** Added or replaced; one whose version is unchanged costs nothing. Wins over a removal of the same name. */
  readonly upsert?: readonly XdsResource[] | undefined;
  readonly remove?: readonly XdsResourceName[] | undefined;
  /**
   * Says that with this change the sources have been read whole: of all types (`true`), or of these type URLs. Until then the type isn't
   * answered at all, since a proxy would take what is missing for deleted; from then on a type without resources is answered as empty. It stays
   * so until the key is deleted.
   */
  readonly complete?: true | readonly string[] | undefined;
  /**
   * Type URLs of which a proxy that has nothing yet may take what there is, though they aren't complete: it has a head start with what takes long.
   * Only incremental streams that ask for everything can be told of a part without being told that the rest is gone.
   */
  readonly ahead?: readonly string[] | undefined;
}

/** One type under one key, as `dump` shows it. */
export interface XdsTypeDump {
  readonly typeUrl: string;
  readonly complete: boolean;
  readonly version: string;
  /** Name to version. Never content: it may be secret. */
  readonly resources: Readonly<Record<string, string>>;
}

/** Resources by snapshot key (which proxies share them), type and name. */
export interface XdsCache {
  /** Applies a change at once. A new key is made by its first change. */
  apply(key: string, change: XdsChange): void;
  /**
   * Forgets the key. Proxies that have it keep what they have, and are told nothing until it comes back; then they get the difference.
   * To empty a proxy, remove its resources instead.
   */
  delete(key: string): void;
  /** The keys that hold something or are complete. */
  keys(): string[];
  /** Whether the key (or this type of it) is complete, and so is being served. */
  ready(key: string, typeUrl?: string): boolean;
  get(key: string, typeUrl: string, name: string): XdsResource | undefined;
  /** The versions that proxies have accepted, the latest first; only the last few. */
  accepted(key: string, typeUrl: string, name: string): readonly XdsResource[];
  /** Notes that a proxy has accepted this version of a resource that the cache holds, in an earlier life of this process, say. */
  accept(key: string, resource: XdsResource): void;
  /** Version of all resources of the type; undefined for an unknown key. Equal sets have equal versions, on every replica. */
  version(key: string, typeUrl: string): string | undefined;
  /** For debugging: names and versions, no content. */
  dump(key: string): XdsTypeDump[];
  /**
   * Opens a stream's view on one type of a key, which need not exist yet. `wake` must only take note, the reading comes later. `closed` is
   * called once, when the view has been closed.
   */
  subscribe(key: string, typeUrl: string, wake: () => void, closed?: () => void): Subscription;
}

interface KeyState {
  readonly logs: Map<string, TypeLog>;
  readonly subscriptions: Map<string, Set<Subscription>>;
  /** All types are complete, those too that nobody has asked for yet. */
  complete: boolean;
}

export function createXdsCache(): XdsCache {
  const states = new Map<string, KeyState>();

  function stateOf(key: string): KeyState {
    let state = states.get(key);
    if (state === undefined) {
      state = { logs: new Map(), subscriptions: new Map(), complete: false };
      states.set(key, state);
    }
    return state;
  }

  function logOf(state: KeyState, typeUrl: string): TypeLog {
    let log = state.logs.get(typeUrl);
    if (log === undefined) {
      log = createTypeLog(typeUrl);
      log.complete = state.complete;
      state.logs.set(typeUrl, log);
    }
    return log;
  }

  function complete(state: KeyState, typeUrl: string): void {
    const log = logOf(state, typeUrl);
    if (log.complete) return;
    log.complete = true;
    for (const subscription of state.subscriptions.get(typeUrl) ?? []) subscription.completed();
  }

  function served(state: KeyState): boolean {
    if (state.complete) return true;
    for (const log of state.logs.values()) if (log.complete || log.size > 0) return true;
    return false;
  }

  return {
    apply(key, change) {
      const state = stateOf(key);
      const upsert = change.upsert ?? [];
      const kept = change.remove?.length ? new Set(upsert.map((it) => `${it.typeUrl} ${it.name}`)) : undefined;
      for (const { typeUrl, name } of change.remove ?? []) {
        if (!kept?.has(`${typeUrl} ${name}`)) state.logs.get(typeUrl)?.delete(name);
      }
      for (const resource of upsert) logOf(state, resource.typeUrl).set(resource);
      for (const typeUrl of change.ahead ?? []) logOf(state, typeUrl).ahead = true;
      if (change.complete === true) {
        state.complete = true;
        for (const typeUrl of state.logs.keys()) complete(state, typeUrl);
      } else {
        for (const typeUrl of change.complete ?? []) complete(state, typeUrl);
      }
    },
    delete(key) {
      const state = states.get(key);
      if (state === undefined) return;
      state.complete = false;
      for (const log of state.logs.values()) {
        // First, so that no stream takes the removals for news.
        log.complete = log.ahead = false;
        for (const { name } of log.resources()) log.delete(name);
      }
      if (state.subscriptions.size === 0) states.delete(key);
    },
    keys: () => [...states].filter(([, state]) => served(state)).map(([key]) => key),
    ready(key, typeUrl) {
      const state = states.get(key);
      if (state === undefined) return false;
      return state.complete || (typeUrl !== undefined && state.logs.get(typeUrl)?.complete === true);
    },
    get: (key, typeUrl, name) => states.get(key)?.logs.get(typeUrl)?.get(name),
    accepted: (key, typeUrl, name) => states.get(key)?.logs.get(typeUrl)?.accepted(name) ?? [],
    accept: (key, resource) => states.get(key)?.logs.get(resource.typeUrl)?.accept(resource),
    version: (key, typeUrl) => states.get(key)?.logs.get(typeUrl)?.version(),
    dump: (key) =>
      [...(states.get(key)?.logs.values() ?? [])].map((log) => ({
        typeUrl: log.typeUrl,
        complete: log.complete,
        version: log.version(),
        resources: Object.fromEntries([...log.resources()].map(({ name, version }) => [name, version])),
      })),
    subscribe(key, typeUrl, wake, closed) {
      const state = stateOf(key);
      const group = state.subscriptions.get(typeUrl) ?? new Set<Subscription>();
      state.subscriptions.set(typeUrl, group);
      const subscription = new Subscription(logOf(state, typeUrl), wake, () => {
        if (!group.delete(subscription)) return;
        if (group.size === 0 && state.subscriptions.get(typeUrl) === group) {
          state.subscriptions.delete(typeUrl);
          const log = state.logs.get(typeUrl);
          if (log?.head === UNCHANGED && log.complete === state.complete) state.logs.delete(typeUrl);
        }
        // A made-up type or key of a client goes when the client does.
        if (state.subscriptions.size === 0 && !served(state) && states.get(key) === state) states.delete(key);
        closed?.();
      });
      group.add(subscription);
      return subscription;
    },
  };
}
