import { SecretKind } from "../../generated/sdk/index.ts";
import type { Secret } from "../../generated/proto/epoxy/gloo/v1/secret.ts";
import type { Collection, Graph, Value } from "../collections/index.ts";
import type { Kind, Resource } from "../resources/index.ts";
import { fromWatch, type WatchedSource } from "../snapshot/index.ts";
import type { Storage, WatchEvent } from "../storage/index.ts";
import type { Logger } from "./logger.ts";
import { keepLastGood } from "./saved-state/keep-last-good.ts";
import { savedResource } from "./saved-state/last-good.ts";
import type { SavedState } from "./saved-state/saved-state.ts";
import type { ChangeTraces } from "./tracing/change-traces.ts";

/** The watches of one engine. */
export interface Sources {
  /** Watches a kind. `wanted` false: this process has no use for it, and the collection stays empty. */
  watch<T extends Resource>(kind: Kind<T>, wanted: boolean): Collection<T>;
  /** Secrets of several sources; where two have one of the same name, the first source counts. */
  secrets(storages: readonly Storage[], wanted: boolean): Collection<Secret>;
  watched(kind: Kind<any>): WatchedSource<any> | undefined;
  /**
   * Why secrets, which count as complete once everything else is served, aren't all read yet; undefined: they have been. So who begins to need
   * one while its source doesn't answer waits for it, and nobody else does.
   */
  readonly unreadSecrets: Value<string>;
  /** What is waited for at the start is served: from now on, only who needs secrets waits for them. */
  waitForSecretsNoMore(): void;
  /** Whether there is nothing in any of them, as far as they are read. Secrets don't count, which may be elsewhere. */
  isEmpty(): boolean;
  /** Calls back when there is something in a source. */
  onFilled(listener: () => void): void;
  /** The secrets of one of the sources alone. */
  secretsOf(storage: Storage): Collection<Secret> | undefined;
  /** Calls back once all watches have told what there is, or why they can't. */
  onceAnswered(listener: () => void): void;
  /** What isn't read yet or doesn't answer. */
  waitingFor(): readonly string[];
  close(): Promise<void>;
}

/** What the names of watches of secrets begin with. */
const SECRETS = "secrets-";

/** `saved` keeps the last good version of what can't be read after a restart; never of secrets. */
export function openSources(
  graph: Graph,
  config: Storage,
  namespaces: readonly string[],
  logger: Logger,
  saved: SavedState,
  traces: ChangeTraces,
): Sources {
  const watches = new Map<string, WatchedSource<any>>();
  const secretsByStorage = new Map<Storage, Collection<Secret>>();
  /** Watches that have told neither what there is nor why they can't. */
  const silent = new Set<string>();
  const onAnswered: (() => void)[] = [];
  const unreadSecrets = graph.value<string>("unread secrets");
  /** Why a watch of secrets hasn't told yet what there is, by its name. */
  const unread = new Map<string, string>();

  const noteUnread = (): void => unreadSecrets.set(unread.values().next().value);
  noteUnread();

  function readSecrets(name: string, event: WatchEvent<Resource>): void {
    if (!unread.has(name)) return;
    if (event.type === "state") unread.delete(name);
    else if (event.type === "stale") unread.set(name, event.error.message);
    noteUnread();
  }

  function answered(name: string): void {
    if (silent.delete(name) && silent.size === 0) for (const listener of onAnswered.splice(0)) listener();
  }

  function open<T extends Resource>(name: string, kind: Kind<T>, storage: Storage): Collection<T> {
    const live = storage.client(kind);
    const client =
      kind.kind === SecretKind.kind
        ? live
        : keepLastGood(live, saved.section(`resources ${name}`, savedResource(kind)), logger);
    silent.add(name);
    if (name.startsWith(SECRETS)) {
      unread.set(name, "it has not been read yet");
      noteUnread();
    }
    const watch = fromWatch(graph, name, client, {
      namespaces,
      onEvent: (event) => {
        answered(name);
        readSecrets(name, event);
        traces.onStorageEvent(kind.kind, event);
      },
    });
    watches.set(name, watch);
    logHealth(name, watch, logger);
    return watch.collection;
  }

  const counted = (): WatchedSource<any>[] =>
    [...watches].filter(([name]) => !name.startsWith(SECRETS)).map(([, watch]) => watch);

  return {
    watch(kind, wanted) {
      return wanted ? open(kind.plural, kind, config) : nothing(graph, kind.plural);
    },
    secrets(storages, wanted) {
      if (!wanted || storages.length === 0) return nothing<Secret>(graph, SecretKind.plural);
      const collections = storages.map((storage, index) => {
        const collection = open(`${SECRETS}${index}`, SecretKind, storage);
        secretsByStorage.set(storage, collection);
        return [`source${index}`, collection] as const;
      });
      const inputs = Object.fromEntries(collections) as Record<string, Collection<Secret>>;
      const names = Object.keys(inputs);
      return graph.join(SecretKind.plural, inputs, (values) => {
        const found = names.find((name) => values[name] !== undefined);
        return found === undefined ? undefined : values[found];
      });
    },
    watched: (kind) => watches.get(kind.plural),
    unreadSecrets,
    waitForSecretsNoMore() {
      for (const name of unread.keys()) watches.get(name)?.markSynced();
    },
    isEmpty: () => counted().every(({ collection }) => collection.size === 0),
    onFilled(listener) {
      for (const { collection } of counted()) {
        collection.subscribe(() => {
          if (collection.size > 0) listener();
        });
      }
    },
    onceAnswered(listener) {
      if (silent.size === 0) listener();
      else onAnswered.push(listener);
    },
    secretsOf: (storage) => secretsByStorage.get(storage),
    waitingFor: () =>
      [...watches].flatMap(([name, { collection, health }]) => {
        const stale = health.value?.stale;
        if (stale !== undefined) return [`${name}: ${stale.message}`];
        return collection.synced && !unread.has(name) ? [] : [`${name}: not read yet`];
      }),
    async close() {
      await Promise.all([...watches.values()].map((watch) => watch.close()));
    },
  };
}

function nothing<T extends Resource>(graph: Graph, name: string): Collection<T> {
  const empty = graph.source<T>(name);
  empty.markSynced();
  return empty;
}

/** Says once what breaks in a source, and once when it is mended. */
function logHealth(name: string, watch: WatchedSource<Resource>, logger: Logger): void {
  let stale: string | undefined;
  let known = new Map<string, string>();
  watch.health.collection.subscribe(
    () => {
      const health = watch.health.value;
      const now = health?.stale?.message;
      if (now !== stale) {
        if (now === undefined) logger.info({ source: name }, `${name} can be read again`);
        else logger.warn({ source: name }, `${name} can't be read, what is known stays in force: ${now}`);
        stale = now;
      }
      const problems = new Map(
        (health?.problems ?? []).map(({ location, error, lastGoodKept }) => [
          `${location.source}\n${error.message}`,
          lastGoodKept ? `${error.message} (the last good version stays in force)` : error.message,
        ]),
      );
      for (const [key, message] of problems) if (!known.has(key)) logger.error({ source: name }, message);
      const broken = new Set([...problems.keys()].map(placeOf));
      for (const place of new Set([...known.keys()].map(placeOf))) {
        if (!broken.has(place)) logger.info({ source: name }, `mended: ${place}`);
      }
      known = problems;
    },
    { initial: true },
  );
}

/** The file or key of a problem, from its key `<place>\n<message>`. */
const placeOf = (key: string): string => key.split("\n", 1)[0] as string;
