import type { KubeObject, KubeResource, KubeScope } from "./kube-object.ts";
import { objectPath, resourceName } from "./kube-object.ts";
import { kubeFailure } from "./kube-errors.ts";
import type { KubernetesOptions } from "./kube-options.ts";
import { createKubeTransport } from "./kube-transport.ts";
import { listAll } from "./list-objects.ts";
import { type WatchEvents, watchObjects } from "./watch-objects.ts";

export interface KubeCallOptions {
  readonly signal: AbortSignal;
}

/** All objects of a kind within a scope, as they were at one moment. */
export interface KubeList<T extends KubeObject> {
  readonly items: readonly T[];
  /** Where a watch goes on. */
  readonly resourceVersion: string;
}

export interface KubeRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export type KubePatchType = "application/merge-patch+json" | "application/json-patch+json";

/**
 * Kubernetes' API, as far as it is used, for any kind of object (`{ group: "", version: "v1", plural: "services", namespaced: true }`).
 * Each call ends with its signal and with a timeout, and rejects with `unavailable`, or `invalid` where repeating can't help; what the server
 * said is in `kubeFailure(error)`. Opens nothing before the first call. To keep up with a kind, use `followObjects`.
 */
export interface KubernetesClient extends AsyncDisposable {
  /** For people: `https://127.0.0.1:6443`; before the first call, where it will be taken from. */
  readonly address: string;
  /** The namespace of the context, or of the Pod that this runs in. */
  namespace(): Promise<string | undefined>;
  /** Undefined: there is none (but the kind is known; else it rejects). */
  get<T extends KubeObject>(resource: KubeResource, ref: KubeRef, options: KubeCallOptions): Promise<T | undefined>;
  /** Read in pages of 500, all as of one moment. Never older than any write before it. */
  list<T extends KubeObject>(resource: KubeResource, scope: KubeScope, options: KubeCallOptions): Promise<KubeList<T>>;
  /**
   * What happens after `resourceVersion`. Ends without an error after a while: then ask again from the last `resourceVersion` seen.
   * @throws a failure with status 410 where that is too old: list again
   */
  watch<T extends KubeObject>(
    resource: KubeResource,
    scope: KubeScope,
    resourceVersion: string,
    options: KubeCallOptions,
  ): AsyncGenerator<WatchEvents<T>, void, undefined>;
  /** Unknown fields are refused, not dropped. Failure 409: it exists. */
  create<T extends KubeObject>(resource: KubeResource, object: T, options: KubeCallOptions): Promise<T>;
  /** On condition that the stored version is `metadata.resourceVersion`. Failure 409: it isn't; 404: there is none. */
  replace<T extends KubeObject>(resource: KubeResource, object: T, options: KubeCallOptions): Promise<T>;
  /** @param subresource such as `status` */
  patch<T extends KubeObject>(
    resource: KubeResource,
    ref: KubeRef,
    patch: object,
    options: KubeCallOptions & { readonly type?: KubePatchType | undefined; readonly subresource?: string | undefined },
  ): Promise<T>;
  /** Resolves to false if there was none. Failure 409: it has another version than the one given. */
  delete(
    resource: KubeResource,
    ref: KubeRef,
    options: KubeCallOptions & { readonly resourceVersion?: string | undefined },
  ): Promise<boolean>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** One client serves any number of users; connections are kept and shared. Never throws: what is wrong, the calls say. */
export function createKubernetesClient(options: KubernetesOptions = {}): KubernetesClient {
  const transport = createKubeTransport(options);
  const { watchTime = 45_000 } = options;
  const text = (resource: KubeResource, { namespace = "", name = "" }: NamedObject): string =>
    `${resourceName(resource)} ${namespace === "" ? name : `${namespace}/${name}`}`;
  const strict = { fieldValidation: "Strict" } as const;
  const pathOf = (resource: KubeResource, { namespace, name }: KubeRef, ...rest: readonly string[]): string =>
    objectPath(resource, namespace, name, ...rest);
  const refOf = ({ metadata }: KubeObject): KubeRef => ({ namespace: metadata?.namespace, name: metadata?.name ?? "" });

  const client: KubernetesClient = {
    get address() {
      return transport.address;
    },
    namespace: transport.namespace,
    async get(resource, ref, { signal }) {
      const what = `reading ${text(resource, ref)}`;
      try {
        return (await transport.call({ what, method: "GET", path: pathOf(resource, ref), signal })) as never;
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    },
    list: (resource, scope, { signal }) => listAll(transport, resource, scope, signal) as never,
    watch: (resource, scope, resourceVersion, { signal }) =>
      watchObjects(transport, resource, scope, { resourceVersion, signal, watchTime }),
    async create(resource, object, { signal }) {
      const what = `creating ${text(resource, object.metadata ?? {})}`;
      const path = objectPath(resource, object.metadata?.namespace);
      return (await transport.call({ what, method: "POST", path, query: strict, body: object, signal })) as never;
    },
    async replace(resource, object, { signal }) {
      const what = `writing ${text(resource, object.metadata ?? {})}`;
      const path = pathOf(resource, refOf(object));
      return (await transport.call({ what, method: "PUT", path, query: strict, body: object, signal })) as never;
    },
    async patch(resource, ref, patch, { signal, type = "application/merge-patch+json", subresource }) {
      const what = `changing ${text(resource, ref)}`;
      const path = pathOf(resource, ref, ...(subresource === undefined ? [] : [subresource]));
      const request = { what, method: "PATCH", path, query: strict, body: patch, contentType: type, signal } as const;
      return (await transport.call(request)) as never;
    },
    async delete(resource, ref, { signal, resourceVersion }) {
      const what = `deleting ${text(resource, ref)}`;
      const body = resourceVersion === undefined ? {} : { preconditions: { resourceVersion } };
      try {
        await transport.call({ what, method: "DELETE", path: pathOf(resource, ref), body, signal });
        return true;
      } catch (error) {
        if (isAbsent(error)) return false;
        throw error;
      }
    },
    async close() {
      transport.close();
    },
    [Symbol.asyncDispose]: async () => transport.close(),
  };
  return client;
}

interface NamedObject {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

/** Whether an object isn't there; an unknown kind's 404 names none. */
function isAbsent(error: unknown): boolean {
  const failure = kubeFailure(error);
  return failure?.httpStatus === 404 && failure.status.details?.name !== undefined;
}
