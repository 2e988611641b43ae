import {
  type KubernetesClient,
  type KubeScope,
  type LossGuard,
  objectKey,
  type TrackEvent,
  trackObjects,
} from "../../kubernetes/index.ts";
import type { KubeObject } from "../../kubernetes/index.ts";
import type { Ref, Resource } from "../../resources/index.ts";
import type { Problem } from "../client.ts";
import type { DriverEvent, StoredEntry } from "../driver.ts";
import { createEventQueue } from "../event-queue.ts";
import { followScopes, type NamespaceChoice } from "./namespaces.ts";
import type { ObjectCodec } from "./object-codec.ts";
import { type ObjectDocument, objectRef } from "./object-document.ts";
import { documentList, type ObjectReader } from "./read-objects.ts";

export interface KindWatchOptions<T extends Resource> {
  readonly client: KubernetesClient;
  readonly codec: ObjectCodec<T>;
  readonly reader: ObjectReader<T>;
  /** The same for all watches of one reader, so that they outlive a failure. */
  guardOf(scope: KubeScope): LossGuard;
  readonly namespaces: readonly string[] | NamespaceChoice | undefined;
  readonly signal: AbortSignal;
}

/** One namespace, or all. */
interface Part<T> {
  readonly ending: AbortController;
  /** By `objectKey`. Undefined: not read yet. */
  documents: Map<string, ObjectDocument<T>> | undefined;
  /** What is wrong with any of them: a change must not cost a look at all. */
  problems: Map<string, Problem>;
}

/** See `StorageDriver.watch`: a watch for each namespace, which come and go where they are found by their labels. */
export async function* watchKind<T extends Resource>(options: KindWatchOptions<T>): AsyncGenerator<DriverEvent<T>> {
  const { client, codec, reader, guardOf, namespaces, signal } = options;
  const queue = createEventQueue<DriverEvent<T>>();
  const parts = new Map<string, Part<T>>();
  const over = new AbortController();
  const end = (): void => over.abort();
  signal.addEventListener("abort", end, { once: true });
  let hasScopes = false;
  let hasState = false;

  const all = (): readonly ObjectDocument<T>[] =>
    [...parts.values()].flatMap(({ documents }) => [...(documents?.values() ?? [])]);
  const problems = (): readonly Problem[] => [...parts.values()].flatMap((part) => [...part.problems.values()]);
  const tell = (changed: readonly StoredEntry<T>[], removed: readonly Ref[], seenAt?: number): void => {
    if (!hasScopes) return;
    if (hasState) {
      queue.push({ type: "changes", changed, removed, problems: problems(), seenAt });
    } else if ([...parts.values()].every(({ documents }) => documents !== undefined)) {
      hasState = true;
      queue.push({ type: "state", ...documentList(all()) });
    }
  };

  /** Takes over what a part's event says. */
  function apply(part: Part<T>, event: TrackEvent<KubeObject>): void {
    const before = part.documents ?? new Map<string, ObjectDocument<T>>();
    const after = event.type === "state" ? new Map<string, ObjectDocument<T>>() : before;
    if (event.type === "state") part.problems = new Map();
    const changed: StoredEntry<T>[] = [];
    const removed: Ref[] = [];
    for (const object of event.type === "state" ? event.objects : event.changed) {
      const key = objectKey(object);
      const known = before.get(key);
      const document = reader.read(object);
      if (document?.problem === undefined) part.problems.delete(key);
      else part.problems.set(key, document.problem);
      if (document === undefined) {
        // It is none of the kind (any more).
        if (event.type === "changes" && after.delete(key)) removed.push(objectRef(object));
        continue;
      }
      after.set(key, document);
      if (document.stored !== undefined && document !== known) changed.push(document.stored);
    }
    for (const object of event.type === "state" ? [] : event.deleted) {
      reader.forget(objectKey(object));
      part.problems.delete(objectKey(object));
      if (after.delete(objectKey(object))) removed.push(objectRef(object));
    }
    if (event.type === "state") {
      for (const [key, { ref }] of before) {
        if (after.has(key)) continue;
        reader.forget(key);
        removed.push(ref);
      }
    }
    const isFirst = part.documents === undefined;
    part.documents = after;
    const seenAt = event.type === "changes" ? event.seenAt : undefined;
    if (isFirst || changed.length > 0 || removed.length > 0 || event.type === "changes") tell(changed, removed, seenAt);
  }

  async function follow(scope: KubeScope, part: Part<T>): Promise<void> {
    const { signal: ending } = part.ending;
    try {
      for await (const event of trackObjects(client, codec.resource, scope, ending, guardOf(scope))) {
        if (!ending.aborted) apply(part, event);
      }
    } catch (error) {
      if (!ending.aborted) queue.fail(error);
    }
  }

  function setScopes(scopes: readonly KubeScope[]): void {
    const wanted = new Map(scopes.map((scope) => [scope.namespace ?? "", scope]));
    const removed: Ref[] = [];
    for (const [key, part] of parts) {
      if (wanted.has(key)) continue;
      part.ending.abort();
      parts.delete(key);
      removed.push(...[...(part.documents?.values() ?? [])].map(({ ref }) => ref));
    }
    hasScopes = true;
    for (const [key, scope] of wanted) {
      if (parts.has(key)) continue;
      const part: Part<T> = { ending: new AbortController(), documents: undefined, problems: new Map() };
      parts.set(key, part);
      void follow(scope, part);
    }
    if (removed.length > 0 || parts.size === 0 || !hasState) tell([], removed);
  }

  const run = async (): Promise<void> => {
    const choice = codec.resource.namespaced ? namespaces : undefined;
    for await (const scopes of followScopes(client, choice, over.signal)) setScopes(scopes);
  };
  run().catch((error: unknown) => queue.fail(error));
  try {
    yield* queue.read(signal);
  } finally {
    end();
    signal.removeEventListener("abort", end);
    for (const { ending } of parts.values()) ending.abort();
  }
}
