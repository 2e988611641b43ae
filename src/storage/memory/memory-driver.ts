import { isDeepStrictEqual } from "node:util";
import { type Kind, type Ref, type Resource, deepFreeze, refKey } from "../../resources/index.ts";
import { alreadyExistsError, notFoundError, versionConflictError } from "../driver-errors.ts";
import type { DriverEvent, StorageDriver, StoredEntry } from "../driver.ts";
import { type EventQueue, createEventQueue } from "../event-queue.ts";

interface Subscriber {
  readonly namespaces: readonly string[] | undefined;
  readonly queue: EventQueue<DriverEvent<any>>;
}

interface Shelf {
  readonly entries: Map<string, StoredEntry<any>>;
  readonly subscribers: Set<Subscriber>;
}

const covers = (namespaces: readonly string[] | undefined, ref: Ref): boolean =>
  namespaces === undefined || namespaces.includes(ref.namespace);

/**
 * Keeps resources in this process. What is stored is frozen, so it is handed out as it is; versions are numbers of one
 * counter, which only goes up.
 */
export function createMemoryDriver(): StorageDriver {
  const shelves = new Map<string, Shelf>();
  let lastVersion = 0;

  const shelfOf = (kind: Kind<any>): Shelf => {
    const id = `${kind.group}/${kind.version}/${kind.kind}`;
    const shelf = shelves.get(id) ?? { entries: new Map(), subscribers: new Set() };
    shelves.set(id, shelf);
    return shelf;
  };
  const tell = (shelf: Shelf, ref: Ref, changed: readonly StoredEntry<any>[], removed: readonly Ref[]): void => {
    for (const { namespaces, queue } of shelf.subscribers) {
      if (covers(namespaces, ref)) queue.push({ type: "changes", changed, removed, problems: [] });
    }
  };
  const store = <T extends Resource>(shelf: Shelf, ref: Ref, resource: T): StoredEntry<T> => {
    const version = String(++lastVersion);
    const metadata = { ...resource.metadata, resourceVersion: version };
    const entry = deepFreeze({ ref: { ...ref }, version, resource: { ...resource, metadata } });
    shelf.entries.set(refKey(ref), entry);
    tell(shelf, ref, [entry], []);
    return entry;
  };
  const within = (shelf: Shelf, namespaces: readonly string[] | undefined): StoredEntry<any>[] => {
    const all = [...shelf.entries.values()];
    return namespaces === undefined ? all : all.filter(({ ref }) => covers(namespaces, ref));
  };

  return {
    description: "memory",

    async read(kind, ref) {
      return shelfOf(kind).entries.get(refKey(ref));
    },

    async put(kind, ref, resource, expected) {
      const shelf = shelfOf(kind);
      const existing = shelf.entries.get(refKey(ref));
      if (expected === null && existing !== undefined) throw alreadyExistsError(kind, ref);
      if (expected !== null && existing?.version !== expected) {
        throw versionConflictError(kind, ref, expected, existing?.version);
      }
      return store(shelf, ref, resource);
    },

    async delete(kind, ref, expected) {
      const shelf = shelfOf(kind);
      const existing = shelf.entries.get(refKey(ref));
      if (existing === undefined) return false;
      if (expected !== undefined && existing.version !== expected) {
        throw versionConflictError(kind, ref, expected, existing.version);
      }
      shelf.entries.delete(refKey(ref));
      tell(shelf, ref, [], [existing.ref]);
      return true;
    },

    async list(kind, namespaces) {
      return { entries: within(shelfOf(kind), namespaces), problems: [] };
    },

    async *watch(kind, namespaces, { signal }) {
      const shelf = shelfOf(kind);
      const subscriber: Subscriber = { namespaces, queue: createEventQueue() };
      shelf.subscribers.add(subscriber);
      try {
        yield { type: "state", entries: within(shelf, namespaces), problems: [] };
        yield* subscriber.queue.read(signal);
      } finally {
        shelf.subscribers.delete(subscriber);
      }
    },

    async putStatus(kind, ref, reporter, status, precondition) {
      const shelf = shelfOf(kind);
      const existing = shelf.entries.get(refKey(ref));
      if (existing === undefined) throw notFoundError(kind, ref, "memory");
      const resource = existing.resource as Resource;
      const statuses = resource.namespacedStatuses?.statuses ?? {};
      if (isDeepStrictEqual(statuses[reporter], status) || precondition?.(existing.resource) === false) return false;
      store(shelf, ref, { ...resource, namespacedStatuses: { statuses: { ...statuses, [reporter]: status } } });
      return true;
    },

    async close() {
      shelves.clear();
    },
  };
}
