import { EpoxyError } from "../errors/index.ts";
import { answeredError } from "./kube-errors.ts";
import { type KubeObject, type KubeResource, type KubeScope, objectPath, resourceName } from "./kube-object.ts";
import type { KubeTransport } from "./kube-transport.ts";

/** `bookmark` tells how far the watch has come; its object has metadata only. */
export interface WatchEvent<T extends KubeObject> {
  readonly type: "set" | "deleted" | "bookmark";
  readonly object: T;
}

/** What arrived together. */
export interface WatchEvents<T extends KubeObject> {
  readonly events: readonly WatchEvent<T>[];
  /** When, by `performance.now()`. */
  readonly arrivedAt: number;
}

export interface WatchObjectsOptions {
  readonly resourceVersion: string;
  readonly signal: AbortSignal;
  /** Milliseconds, on average, until the server is asked to end. */
  readonly watchTime: number;
}

const types: Readonly<Record<string, WatchEvent<KubeObject>["type"]>> = {
  ADDED: "set",
  MODIFIED: "set",
  DELETED: "deleted",
  BOOKMARK: "bookmark",
};

/** One watch. Source: "Efficient detection of changes" of Kubernetes' API concepts. */
export async function* watchObjects<T extends KubeObject>(
  transport: KubeTransport,
  resource: KubeResource,
  { namespace, labelSelector, fieldSelector }: KubeScope,
  { resourceVersion, signal, watchTime }: WatchObjectsOptions,
): AsyncGenerator<WatchEvents<T>, void, undefined> {
  const what = `watching ${resourceName(resource)}${namespace === undefined ? "" : ` in ${namespace}`}`;
  // Spread, so that the watches of many clients don't come back all at once.
  const timeoutSeconds = Math.max(1, Math.round((watchTime / 1000) * (0.75 + Math.random() / 2)));
  const query = {
    watch: 1,
    allowWatchBookmarks: true,
    resourceVersion,
    timeoutSeconds,
    labelSelector,
    fieldSelector,
  };
  const path = objectPath(resource, namespace);
  for await (const lines of transport.lines({ what, method: "GET", path, query, signal }, timeoutSeconds * 1000)) {
    const arrivedAt = performance.now();
    const events = lines.map((line) => {
      const { type, object } = parseLine(line, what, transport.address);
      const known = types[type];
      if (known !== undefined) return { type: known, object: object as T };
      // The object is a Status.
      throw answeredError(transport.address, what, (object as { code?: number }).code ?? 500, JSON.stringify(object));
    });
    yield { events, arrivedAt };
  }
}

function parseLine(line: string, what: string, address: string): { readonly type: string; readonly object: unknown } {
  try {
    return JSON.parse(line) as { type: string; object: unknown };
  } catch (cause) {
    throw new EpoxyError("unavailable", `Kubernetes at ${address} answered ${what} with what is no JSON`, { cause });
  }
}
