import { isDeepStrictEqual } from "node:util";
import {
  type ConsulClient,
  type ConsulConsistency,
  type KvEntry,
  type SessionGuard,
  type StoreIdentity,
} from "../../consul/index.ts";
import {
  deepFreeze,
  editStatus,
  type Kind,
  type Ref,
  type Resource,
  refKey,
  renderResource,
} from "../../resources/index.ts";
import type { DriverOptions, StorageDriver, StoredEntry } from "../driver.ts";
import { alreadyExistsError, notFoundError, versionConflictError } from "../driver-errors.ts";
import { type KeyLayout, keyLayout } from "./key-layout.ts";
import { checkReadable } from "./key-permission.ts";
import { createKindState } from "./kind-state.ts";
import { createKindWatch, type KindWatch } from "./kind-watch.ts";
import { type KvDocument, readKvDocument, withVersion } from "./kv-document.ts";

export interface ConsulDriverOptions {
  readonly client: ConsulClient;
  readonly rootKey: string;
  readonly consistency: ConsulConsistency;
  readonly identity: StoreIdentity;
  /** Asked before each write for the lock that it depends on. @throws if this process doesn't hold it */
  readonly guard?: (() => SessionGuard) | undefined;
}

/** A resource's key with its value. */
interface Found<T> {
  readonly entry: KvEntry;
  readonly document: KvDocument<T>;
}

/** Keeps resources in Consul's key-value store, as YAML, under Gloo's keys. Versions are ModifyIndexes. */
export function createConsulDriver(options: ConsulDriverOptions): StorageDriver {
  const { client, rootKey, consistency, identity } = options;
  const guarded = ({ signal }: DriverOptions) => ({ signal, guard: options.guard?.() });
  const description = `Consul at ${client.address}, root key ${rootKey}`;
  const layouts = new Map<Kind<any>, KeyLayout>();
  const watches = new Map<Kind<any>, KindWatch<any>>();
  const layoutOf = (kind: Kind<any>): KeyLayout => {
    const layout = layouts.get(kind) ?? keyLayout(rootKey, kind);
    layouts.set(kind, layout);
    return layout;
  };

  /** The key that holds a resource: its own, else its namespace's if that says so. */
  async function find<T extends Resource>(
    kind: Kind<T>,
    ref: Ref,
    { signal }: DriverOptions,
  ): Promise<Found<T> | undefined> {
    const layout = layoutOf(kind);
    const own = layout.keyOf(ref);
    for (const key of layout.isCluster ? [own] : [own, layout.prefix + ref.namespace]) {
      const entry = (await client.kvRead(key, { signal, consistency })).value;
      if (entry === undefined) continue;
      const document = readKvDocument(kind, layout, entry);
      if (document.ref !== undefined && refKey(document.ref) === refKey(ref)) return { entry, document };
    }
    return undefined;
  }

  async function listEntries(
    layout: KeyLayout,
    namespaces: readonly string[] | undefined,
    { signal }: DriverOptions,
  ): Promise<readonly KvEntry[]> {
    const query = { signal, consistency };
    const isWhole = namespaces === undefined || layout.isCluster;
    if (isWhole) return (await client.kvList(layout.prefix, query)).value.entries();
    const parts = namespaces.flatMap((namespace) => {
      const own = layout.prefix + namespace;
      return [
        client.kvRead(own, query).then(({ value }) => value ?? []),
        client.kvList(`${own}/`, query).then(({ value }) => value.entries()),
      ];
    });
    return (await Promise.all(parts)).flat();
  }

  return {
    description,

    async read(kind, ref, call) {
      const found = await find(kind, ref, call);
      if (found?.document.problem !== undefined) throw found.document.problem.error;
      return found?.document.stored;
    },

    async put(kind, ref, resource, expected, call) {
      const text = renderResource(kind, resource, { omitVersion: true });
      const stored = (index: number): StoredEntry<typeof resource> => {
        const version = `${index}`;
        return { ref, version, resource: withVersion(resource, version) };
      };
      const key = layoutOf(kind).keyOf(ref);
      if (expected === null) {
        // Its own key is checked by the write.
        const elsewhere = await find(kind, ref, call);
        const index = elsewhere === undefined ? await client.kvPut(key, text, 0, guarded(call)) : undefined;
        if (index === undefined) throw alreadyExistsError(kind, ref);
        return stored(index);
      }
      // 0 would stand for creation.
      if (/^[1-9]\d*$/.test(expected)) {
        const index = await client.kvPut(key, text, Number(expected), guarded(call));
        if (index !== undefined) return stored(index);
      }
      const found = await find(kind, ref, call);
      const now = found?.entry.modifyIndex;
      if (found !== undefined && found.entry.key !== key && `${now}` === expected) {
        const index = await client.kvPut(found.entry.key, text, found.entry.modifyIndex, guarded(call));
        if (index !== undefined) return stored(index);
      }
      throw versionConflictError(kind, ref, expected, now === undefined ? undefined : `${now}`);
    },

    async delete(kind, ref, expected, call) {
      for (;;) {
        const found = await find(kind, ref, call);
        if (found === undefined) return false;
        const version = `${found.entry.modifyIndex}`;
        if (expected !== undefined && expected !== version) throw versionConflictError(kind, ref, expected, version);
        if (await client.kvDelete(found.entry.key, found.entry.modifyIndex, guarded(call))) return true;
      }
    },

    async list(kind, namespaces, call) {
      const layout = layoutOf(kind);
      const entries = await listEntries(layout, namespaces, call);
      if (entries.length === 0) await checkReadable(client, layout, namespaces, call.signal);
      const state = createKindState(kind, layout);
      state.apply(entries, false);
      return { entries: state.entries, problems: state.problems };
    },

    watch(kind, namespaces, { signal }) {
      const layout = layoutOf(kind);
      const watch = watches.get(kind) ?? createKindWatch({ client, kind, layout, identity, consistency });
      watches.set(kind, watch);
      return watch.watch(namespaces, signal);
    },

    async putStatus(kind, ref, reporter, status, precondition, call) {
      for (;;) {
        const found = await find(kind, ref, call);
        if (found === undefined) throw notFoundError(kind, ref, description);
        const { entry, document } = found;
        if (document.stored === undefined) throw document.problem?.error ?? notFoundError(kind, ref, description);
        const statuses = document.stored.resource.namespacedStatuses?.statuses;
        if (isDeepStrictEqual(statuses?.[reporter], status)) return false;
        if (precondition?.(deepFreeze(document.stored.resource)) === false) return false;
        const text = entry.text();
        const edited = editStatus(text, kind, ref, reporter, status);
        if (edited === text) return false;
        if ((await client.kvPut(entry.key, edited, entry.modifyIndex, guarded(call))) !== undefined) return true;
      }
    },

    async close() {
      watches.clear();
    },
  };
}
