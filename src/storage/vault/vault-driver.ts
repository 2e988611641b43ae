import { isDeepStrictEqual } from "node:util";
import { deepFreeze, type Kind, type Ref, type Resource, resourceToJson } from "../../resources/index.ts";
import type { Clock } from "../backoff.ts";
import type { DriverOptions, StorageDriver, StoredEntry } from "../driver.ts";
import { alreadyExistsError, notFoundError, versionConflictError } from "../driver-errors.ts";
import { type KeyLayout, keyLayout } from "./key-layout.ts";
import { createKindState, type KindState } from "./kind-state.ts";
import { createKindWatch, type KindWatch } from "./kind-watch.ts";
import type { VaultClient, VaultMetadata, VaultVersion } from "./vault-client.ts";
import { readVaultDocument, type VaultDocument, versionNumber, versionText, withVersion } from "./vault-document.ts";

export interface VaultDriverOptions {
  readonly client: VaultClient;
  readonly rootKey: string;
  /** Milliseconds between two looks of a watch. */
  readonly refreshInterval: number;
  readonly clock: Clock;
}

interface OfKind {
  readonly layout: KeyLayout;
  readonly state: KindState<any>;
  readonly watch: KindWatch<any>;
}

/** Keeps resources in Vault's key-value store, version 2, as JSON, under Gloo's keys. */
export function createVaultDriver({ client, rootKey, refreshInterval, clock }: VaultDriverOptions): StorageDriver {
  const description = `Vault at ${client.address}, ${client.mount}/${rootKey}`;
  const ofKinds = new Map<Kind<any>, OfKind>();
  const of = (kind: Kind<any>): OfKind => {
    const known = ofKinds.get(kind);
    if (known !== undefined) return known;
    const layout = keyLayout(rootKey, kind);
    const state = createKindState(client, kind, layout);
    const made = { layout, state, watch: createKindWatch(state, refreshInterval, clock) };
    ofKinds.set(kind, made);
    return made;
  };
  const keyOf = (kind: Kind<any>, ref: Ref): string => of(kind).layout.keyOf(ref);

  /** @throws `unavailable` also where this key may not be read */
  async function find<T extends Resource>(
    kind: Kind<T>,
    ref: Ref,
    { signal }: DriverOptions,
  ): Promise<VaultDocument<T> | undefined> {
    const key = keyOf(kind, ref);
    const secret = await client.read(key, signal);
    if (secret === undefined) return undefined;
    if ("refusal" in secret) throw secret.refusal;
    return readVaultDocument(kind, ref, `${client.mount}/data/${key}`, secret);
  }

  async function newest(key: string, { signal }: DriverOptions): Promise<VaultMetadata | undefined> {
    const metadata = await client.metadata(key, signal);
    if (metadata !== undefined && "refusal" in metadata) throw metadata.refusal;
    return metadata;
  }

  async function write<T extends Resource>(
    kind: Kind<T>,
    ref: Ref,
    resource: T,
    over: number,
    { signal }: DriverOptions,
  ): Promise<StoredEntry<T> | undefined> {
    const json = resourceToJson(kind, resource, { omitVersion: true });
    const written: VaultVersion | undefined = await client.write(keyOf(kind, ref), json, over, signal);
    if (written === undefined) return undefined;
    of(kind).watch.hurry();
    const version = versionText(written);
    return { ref, version, resource: withVersion(resource, version) };
  }

  return {
    description,

    async read(kind, ref, call) {
      const found = await find(kind, ref, call);
      if (found === undefined) await client.mountId(call.signal);
      if (found?.problem !== undefined) throw found.problem.error;
      return found?.stored;
    },

    async put(kind, ref, resource, expected, call) {
      if (expected === null) {
        const created = await write(kind, ref, resource, 0, call);
        if (created !== undefined) return created;
        // The key may be left of a resource whose versions someone deleted: the next version is a new resource.
        const left = await newest(keyOf(kind, ref), call);
        const over = left === undefined || left.isGone === true ? (left?.number ?? 0) : undefined;
        const renewed = over === undefined ? undefined : await write(kind, ref, resource, over, call);
        if (renewed === undefined) throw alreadyExistsError(kind, ref);
        return renewed;
      }
      const now = await newest(keyOf(kind, ref), call);
      const isSame = now !== undefined && now.isGone !== true && versionText(now) === expected;
      const written = isSame ? await write(kind, ref, resource, now.number, call) : undefined;
      if (written !== undefined) return written;
      const latest = isSame ? await newest(keyOf(kind, ref), call) : now;
      const stored = latest === undefined || latest.isGone === true ? undefined : versionText(latest);
      throw versionConflictError(kind, ref, expected, stored);
    },

    async delete(kind, ref, expected, call) {
      const key = keyOf(kind, ref);
      const now = await newest(key, call);
      if (now === undefined || now.isGone === true) return false;
      if (expected !== undefined) {
        const number = versionNumber(expected);
        if (number === undefined || versionText(now) !== expected)
          throw versionConflictError(kind, ref, expected, versionText(now));
        // Vault deletes a key without conditions, but of a version it knows which: what was written meanwhile stays.
        await client.deleteVersion(key, number, call.signal);
        const after = await newest(key, call);
        if (after !== undefined && after.number !== number)
          throw versionConflictError(kind, ref, expected, versionText(after));
      }
      await client.deleteKey(key, call.signal);
      of(kind).watch.hurry();
      return true;
    },

    async list(kind, namespaces, { signal }) {
      return await of(kind).state.scan(namespaces, signal);
    },

    watch(kind, namespaces, { signal }) {
      return of(kind).watch.watch(namespaces, signal);
    },

    async putStatus(kind, ref, reporter, status, precondition, call) {
      for (;;) {
        const found = await find(kind, ref, call);
        if (found?.problem !== undefined) throw found.problem.error;
        if (found?.stored === undefined) throw notFoundError(kind, ref, description);
        const { resource } = found.stored;
        const statuses = resource.namespacedStatuses?.statuses ?? {};
        if (isDeepStrictEqual(statuses[reporter], status)) return false;
        if (precondition?.(deepFreeze(resource)) === false) return false;
        const next = { ...resource, namespacedStatuses: { statuses: { ...statuses, [reporter]: status } } };
        if ((await write(kind, ref, next, found.version.number, call)) !== undefined) return true;
      }
    },

    async close() {
      ofKinds.clear();
      await client.close();
    },
  };
}
