import { isDeepStrictEqual } from "node:util";
import {
  createLossGuard,
  kubeFailure,
  type KubernetesClient,
  type KubeObject,
  type KubeScope,
  type LossGuard,
} from "../../kubernetes/index.ts";
import { deepFreeze, type Kind, type Ref, type Resource } from "../../resources/index.ts";
import type { DriverOptions, StorageDriver, StoredEntry } from "../driver.ts";
import { alreadyExistsError, notFoundError, versionConflictError } from "../driver-errors.ts";
import { watchKind } from "./kind-watch.ts";
import { mergePatch } from "./merge-patch.ts";
import { type NamespaceChoice, scopesNow } from "./namespaces.ts";
import { type ObjectCodec, objectCodec } from "./object-codec.ts";
import { documentList, type ObjectReader, objectReader } from "./read-objects.ts";

export interface KubernetesDriverOptions {
  readonly client: KubernetesClient;
  /** Where to look when the caller asks for all namespaces. */
  readonly namespaces?: NamespaceChoice | undefined;
  /** Asked just before each write. @throws if this process may not write (any more) */
  readonly guard?: (() => void) | undefined;
}

interface KindAccess<T extends Resource> {
  readonly codec: ObjectCodec<T>;
  readonly reader: ObjectReader<T>;
  readonly guardOf: (scope: KubeScope) => LossGuard;
}

type Fields = Readonly<Record<string, unknown>>;

/** Keeps resources in Kubernetes: as custom resources, Secrets and ConfigMaps. Versions are its resourceVersions. */
export function createKubernetesDriver({ client, namespaces: choice, guard }: KubernetesDriverOptions): StorageDriver {
  const kinds = new Map<Kind<any>, KindAccess<any>>();
  const accessTo = <T extends Resource>(kind: Kind<T>): KindAccess<T> => {
    const known = kinds.get(kind);
    if (known !== undefined) return known;
    const codec = objectCodec(kind);
    const guards = new Map<string | undefined, LossGuard>();
    const guardOf = (scope: KubeScope): LossGuard => {
      const known = guards.get(scope.namespace) ?? createLossGuard(codec.resource, scope);
      guards.set(scope.namespace, known);
      return known;
    };
    const access = { codec, reader: objectReader(codec), guardOf };
    kinds.set(kind, access);
    return access;
  };
  const place = (): string => `Kubernetes at ${client.address}`;
  const get = (codec: ObjectCodec<any>, { namespace, name }: Ref, { signal }: DriverOptions) =>
    client.get(codec.resource, { namespace: namespace || undefined, name }, { signal });

  /** The document of an object that this storage has just written. */
  function entryOf<T extends Resource>(codec: ObjectCodec<T>, object: KubeObject): StoredEntry<T> {
    const document = codec.read(object);
    if (document?.stored !== undefined) return document.stored;
    throw document?.problem?.error ?? new Error("the API server answered with something else than what was written");
  }

  /** Statuses that came with the resource are written by the subresource, which is the only way to. */
  async function withStatus<T extends Resource>(
    kind: Kind<T>,
    resource: T,
    object: KubeObject,
    call: DriverOptions,
  ): Promise<StoredEntry<T>> {
    const { codec } = accessTo(kind);
    const stored = entryOf(codec, object);
    const wanted = codec.status(resource);
    if (!kind.hasStatus || Object.keys(wanted).length === 0) return stored;
    if (isDeepStrictEqual(codec.status(stored.resource), wanted)) return stored;
    return entryOf(codec, await patchStatus(codec, object, wanted, call));
  }

  async function patchStatus(codec: ObjectCodec<any>, object: KubeObject, status: Fields, { signal }: DriverOptions) {
    const { namespace, name = "", resourceVersion } = object.metadata ?? {};
    const before = (object as { readonly status?: Fields }).status ?? {};
    const patch = { metadata: { resourceVersion }, status: mergePatch(before, status) };
    guard?.();
    return client.patch(codec.resource, { namespace, name }, patch, { signal, subresource: "status" });
  }

  return {
    get description() {
      return place();
    },

    async read(kind, ref, call) {
      const { codec } = accessTo(kind);
      const object = await get(codec, ref, call);
      const document = object && codec.read(object);
      if (document?.problem !== undefined) throw document.problem.error;
      return document?.stored;
    },

    async put(kind, ref, resource, expected, call) {
      const { codec } = accessTo(kind);
      try {
        if (expected === null) {
          const created = codec.write(resource, undefined, undefined);
          guard?.();
          return await withStatus(kind, resource, await client.create(codec.resource, created, call), call);
        }
        const before = codec.keepsOthers ? await get(codec, ref, call) : undefined;
        const object = codec.write(resource, expected, before);
        guard?.();
        return await withStatus(kind, resource, await client.replace(codec.resource, object, call), call);
      } catch (error) {
        const failure = kubeFailure(error);
        if (expected === null) {
          if (failure?.status.reason === "AlreadyExists") throw alreadyExistsError(kind, ref);
          throw error;
        }
        const isGone = failure?.httpStatus === 404 && failure.status.details?.name === ref.name;
        // A version of another storage is none of Kubernetes'.
        const isForeign = !/^[1-9]\d*$/.test(expected) && failure !== undefined && failure.httpStatus < 500;
        if (failure?.httpStatus !== 409 && !isGone && !isForeign) throw error;
        const now = isGone ? undefined : await get(codec, ref, call);
        throw versionConflictError(kind, ref, expected, now?.metadata?.resourceVersion);
      }
    },

    async delete(kind, ref, expected, call) {
      const { codec } = accessTo(kind);
      for (;;) {
        const object = await get(codec, ref, call);
        if (object === undefined || codec.read(object) === undefined) return false;
        const version = object.metadata?.resourceVersion ?? "";
        if (expected !== undefined && expected !== version) throw versionConflictError(kind, ref, expected, version);
        guard?.();
        try {
          const options = { ...call, resourceVersion: version };
          return await client.delete(codec.resource, { ...ref, namespace: ref.namespace || undefined }, options);
        } catch (error) {
          if (kubeFailure(error)?.httpStatus !== 409) throw error;
        }
      }
    },

    async list(kind, namespaces, { signal }) {
      const { codec, reader } = accessTo(kind);
      const scopes = await scopesNow(client, codec.resource.namespaced ? (namespaces ?? choice) : undefined, signal);
      const lists = await Promise.all(scopes.map((scope) => client.list(codec.resource, scope, { signal })));
      return documentList(lists.flatMap(({ items }) => items.flatMap((object) => reader.read(object) ?? [])));
    },

    watch(kind, namespaces, { signal }) {
      const { codec, reader, guardOf } = accessTo(kind);
      return watchKind({ client, codec, reader, guardOf, namespaces: namespaces ?? choice, signal });
    },

    async putStatus(kind, ref, reporter, status, precondition, call) {
      const { codec } = accessTo(kind);
      for (;;) {
        const object = await get(codec, ref, call);
        const document = object && codec.read(object);
        if (object === undefined || document === undefined) throw notFoundError(kind, ref, place());
        if (document.stored === undefined) throw document.problem?.error ?? notFoundError(kind, ref, place());
        const { resource } = document.stored;
        const statuses = resource.namespacedStatuses?.statuses ?? {};
        if (isDeepStrictEqual(statuses[reporter], status)) return false;
        if (precondition?.(deepFreeze(resource)) === false) return false;
        const wanted = codec.status({
          ...resource,
          namespacedStatuses: { statuses: { ...statuses, [reporter]: status } },
        });
        try {
          await patchStatus(codec, object, wanted, call);
          return true;
        } catch (error) {
          const failure = kubeFailure(error);
          if (failure?.httpStatus === 404) throw notFoundError(kind, ref, place());
          if (failure?.httpStatus !== 409) throw error;
        }
      }
    },

    async close() {
      kinds.clear();
    },
  };
}
