import { setTimeout as sleep } from "node:timers/promises";
import type { Source } from "../../collections/index.ts";
import {
  createLossGuard,
  followObjects,
  type KubeObject,
  type KubeResource,
  type KubernetesClient,
  objectKey,
  resourceName,
} from "../../kubernetes/index.ts";
import { followScopes, type NamespaceChoice } from "../../storage/kubernetes/index.ts";
import type { Discovery } from "../discovery.ts";

export interface FollowClusterOptions<T, O extends KubeObject> {
  readonly client: KubernetesClient;
  readonly resource: KubeResource;
  /** By name or by labels; undefined: all. */
  readonly namespaces: readonly string[] | NamespaceChoice | undefined;
  /** Gets what is read of each object, by `<namespace>/<name>`. It is synced once all namespaces have been listed. */
  readonly source: Pick<Source<T>, "apply" | "markSynced">;
  /** Told why something can't be read, each time that it is tried. */
  readonly onFailure?: ((message: string) => void) | undefined;
  /** Undefined: the object is of no interest. What it throws concerns that object alone. */
  read(object: O): T | undefined;
}

/** What is followed in one namespace, or in all. */
interface Scope {
  readonly ending: AbortController;
  readonly known: Set<string>;
  listed: boolean;
  failure: string | undefined;
}

const RETRY_MS = 2_000;

/**
 * Keeps the objects of a kind in a source. While the API server doesn't answer, what is known stays; what was missed is caught up with
 * after. An object that can't be read keeps what was read of it last.
 */
export function followCluster<T, O extends KubeObject>(options: FollowClusterOptions<T, O>): Discovery {
  const { client, resource, namespaces, source, read } = options;
  const closing = new AbortController();
  const { signal } = closing;
  const scopes = new Map<string, Scope>();
  const broken = new Map<string, string>();
  let failure: string | undefined;
  let areScopesKnown = false;

  function editOf(object: O): readonly (readonly [string, T | undefined])[] {
    const key = objectKey(object);
    try {
      const value = read(object);
      broken.delete(key);
      return [[key, value]];
    } catch (error) {
      broken.set(key, `${resourceName(resource)} ${key} can't be read: ${(error as Error).message}`);
      return [];
    }
  }
  function forget(scope: Scope, keys: Iterable<string>): void {
    const gone = [...keys];
    for (const key of gone) {
      scope.known.delete(key);
      broken.delete(key);
    }
    source.apply(gone.map((key) => [key, undefined] as const));
  }
  function checkSynced(): void {
    if (areScopesKnown && [...scopes.values()].every(({ listed }) => listed)) source.markSynced();
  }

  async function follow(namespace: string | undefined, scope: Scope): Promise<void> {
    const guard = createLossGuard(resource, { namespace });
    for await (const event of followObjects<O>(client, resource, { namespace }, scope.ending.signal, guard)) {
      if (event.type === "failed") {
        scope.failure = event.error.message;
        options.onFailure?.(scope.failure);
        continue;
      }
      scope.failure = undefined;
      const changed = event.type === "state" ? event.objects : event.changed;
      const keys = new Set(changed.map(objectKey));
      const isGone = (key: string): boolean => !keys.has(key);
      forget(scope, event.type === "state" ? [...scope.known].filter(isGone) : event.deleted.map(objectKey));
      for (const key of keys) scope.known.add(key);
      source.apply(changed.flatMap(editOf));
      scope.listed = true;
      checkSynced();
    }
  }

  function choose(wanted: ReadonlySet<string>): void {
    for (const [name, scope] of scopes) {
      if (wanted.has(name)) continue;
      scopes.delete(name);
      scope.ending.abort();
      forget(scope, scope.known);
    }
    for (const name of wanted) {
      if (scopes.has(name)) continue;
      const scope: Scope = { ending: new AbortController(), known: new Set(), listed: false, failure: undefined };
      scopes.set(name, scope);
      void follow(name === "" ? undefined : name, scope);
    }
    areScopesKnown = true;
    checkSynced();
  }

  async function followNamespaces(): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const found of followScopes(client, namespaces, signal)) {
          failure = undefined;
          choose(new Set(found.map(({ namespace = "" }) => namespace)));
        }
        // Those that are named don't change.
        if (failure === undefined) return;
      } catch (error) {
        failure = (error as Error).message;
        options.onFailure?.(failure);
      }
      await sleep(RETRY_MS * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    }
  }
  const running = followNamespaces();

  const close = async (): Promise<void> => {
    closing.abort();
    for (const { ending } of scopes.values()) ending.abort();
    await running;
  };
  return {
    waitingFor() {
      const failures = [failure, ...[...scopes.values()].map((scope) => scope.failure)].filter(
        (it) => it !== undefined,
      );
      const isWaiting =
        failures.length === 0 && (!areScopesKnown || [...scopes.values()].some(({ listed }) => !listed));
      return [...failures, ...broken.values(), ...(isWaiting ? [`${resourceName(resource)}: not read yet`] : [])];
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
