import type { Source } from "../../collections/index.ts";
import {
  followObjects,
  type KubeObject,
  type KubeResource,
  type KubernetesClient,
  objectKey,
  resourceName,
} from "../../kubernetes/index.ts";
import type { Discovery } from "../discovery.ts";

export interface FollowClusterOptions<T, O extends KubeObject> {
  readonly client: KubernetesClient;
  readonly resource: KubeResource;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  /** Gets what is read of each object, by `<namespace>/<name>`. It is synced once all namespaces have been listed. */
  readonly source: Pick<Source<T>, "apply" | "markSynced">;
  /** Undefined: the object is of no interest. What it throws concerns that object alone. */
  read(object: O): T | undefined;
}

/**
 * Keeps the objects of a kind in a source. While the API server doesn't answer, what is known stays; what was missed is caught up with
 * after. An object that can't be read keeps what was read of it last.
 */
export function followCluster<T, O extends KubeObject>(options: FollowClusterOptions<T, O>): Discovery {
  const { client, resource, source, read } = options;
  const scopes = options.namespaces.length === 0 ? [undefined] : options.namespaces;
  const closing = new AbortController();
  const waiting = new Set(scopes);
  const failures = new Map<string, string>();
  const broken = new Map<string, string>();

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

  async function follow(namespace: string | undefined): Promise<void> {
    const scope = namespace ?? "";
    const known = new Set<string>();
    for await (const event of followObjects<O>(client, resource, { namespace }, closing.signal)) {
      if (event.type === "failed") {
        failures.set(scope, event.error.message);
        continue;
      }
      failures.delete(scope);
      const changed = event.type === "state" ? event.objects : event.changed;
      const keys = new Set(changed.map(objectKey));
      const gone = event.type === "state" ? [...known].filter((key) => !keys.has(key)) : event.deleted.map(objectKey);
      for (const key of keys) known.add(key);
      for (const key of gone) {
        known.delete(key);
        broken.delete(key);
      }
      source.apply([...gone.map((key) => [key, undefined] as const), ...changed.flatMap(editOf)]);
      waiting.delete(namespace);
      if (waiting.size === 0) source.markSynced();
    }
  }
  const running = scopes.map(follow);

  const close = async (): Promise<void> => {
    closing.abort();
    await Promise.all(running);
  };
  return {
    waitingFor: () => [
      ...failures.values(),
      ...broken.values(),
      ...(waiting.size > 0 && failures.size === 0 ? [`${resourceName(resource)}: not read yet`] : []),
    ],
    close,
    [Symbol.asyncDispose]: close,
  };
}
