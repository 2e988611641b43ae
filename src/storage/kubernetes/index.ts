import { createKubernetesClient, type KubernetesClient, type KubernetesOptions } from "../../kubernetes/index.ts";
import type { Storage } from "../client.ts";
import { createStorage, type RuntimeOptions } from "../runtime-storage.ts";
import { createKubernetesDriver } from "./kubernetes-driver.ts";
import type { NamespaceChoice } from "./namespaces.ts";

export { readSecretObject } from "./object-codec.ts";
export type { NamespaceChoice } from "./namespaces.ts";
export { followScopes } from "./namespaces.ts";

/** Which cluster, and where in it resources are looked for. */
export interface KubernetesStorageOptions extends KubernetesOptions, RuntimeOptions {
  /** Instead of a kubeconfig: a client that serves others, too. It is not closed with the storage. */
  readonly client?: KubernetesClient | undefined;
  /** Namespaces by their labels, for lists and watches that name none. They may come and go while a watch runs. Default: all. */
  readonly namespaces?: NamespaceChoice | undefined;
  /** Asked just before each write; what it throws is what the write throws. */
  readonly guard?: (() => void) | undefined;
}

/**
 * Storage in Kubernetes: custom resources of Gloo's groups, and for secrets and artifacts its own Secrets and ConfigMaps. Statuses are
 * written to the subresource, as `status.statuses.<namespace>`. Nothing is asked before the first call.
 */
export function createKubernetesStorage(options: KubernetesStorageOptions = {}): Storage {
  const client = options.client ?? createKubernetesClient(options);
  const { namespaces, guard } = options;
  const storage = createStorage(createKubernetesDriver({ client, namespaces, guard }), options);
  const close = async (): Promise<void> => {
    await storage.close();
    if (options.client === undefined) await client.close();
  };
  return { ...storage, close, [Symbol.asyncDispose]: close };
}
