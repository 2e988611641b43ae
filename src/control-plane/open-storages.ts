import { SecretKind } from "../../generated/sdk/index.ts";
import { type ConsulClient, createConsulClient } from "../consul/index.ts";
import { createKubernetesClient, type KubernetesClient, type KubernetesOptions } from "../kubernetes/index.ts";
import type { AnyKind } from "../resources/index.ts";
import type { Storage } from "../storage/index.ts";
import { createConsulStorage } from "../storage/consul/index.ts";
import { createFileStorage } from "../storage/file/index.ts";
import { createKubernetesStorage } from "../storage/kubernetes/index.ts";
import { createVaultStorage } from "../storage/vault/index.ts";
import type { SettingsView } from "./settings/settings-view.ts";
import type { SourceView } from "./settings/source-view.ts";

/** The storages that the settings name, open. Sources that are the same share one. */
export interface Storages extends AsyncDisposable {
  readonly config: Storage;
  readonly secrets: readonly Storage[];
  readonly artifacts: Storage;
  /** Present if Consul is used for anything; closed with the storages. */
  readonly consul: ConsulClient | undefined;
  /** Present if Kubernetes is used for anything; closed with the storages. */
  readonly kubernetes: KubernetesClient | undefined;
  close(): Promise<void>;
}

/** Opens what the settings name; `cluster` says which Kubernetes, if that is among it. Nothing is read yet, and a server that is down is no error here. */
export function openStorages(view: SettingsView, cluster?: KubernetesOptions): Storages {
  const sources = [view.config, view.artifacts, ...view.secrets];
  const usesKubernetes = view.kubernetes !== undefined || sources.some(({ type }) => type === "kubernetes");
  const kubernetes = usesKubernetes ? createKubernetesClient({ ...cluster, rate: view.kubernetesRate }) : undefined;
  const consul = view.consul === undefined ? undefined : createConsulClient(view.consul);
  const open = new Map<string, Storage>();
  const storageOf = (source: SourceView, fileMode?: number): Storage => {
    const key = JSON.stringify([source, fileMode]);
    const storage = open.get(key) ?? openStorage(source, view, { consul, kubernetes }, fileMode);
    open.set(key, storage);
    return storage;
  };
  const config = storageOf(view.config);
  const secrets = view.secrets.map((source) => storageOf(source, 0o600));
  const artifacts = storageOf(view.artifacts);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= (async () => {
      await Promise.all([...open.values()].map((storage) => storage.close()));
      await consul?.close();
      await kubernetes?.close();
    })());
  return { config, secrets, artifacts, consul, kubernetes, close, [Symbol.asyncDispose]: close };
}

function openStorage(
  source: SourceView,
  view: SettingsView,
  { consul: client, kubernetes }: Pick<Storages, "consul" | "kubernetes">,
  fileMode: number | undefined,
): Storage {
  if (source.type === "consul") return createConsulStorage({ client, rootKey: source.rootKey });
  if (source.type === "vault") {
    const { vault, mount, rootKey } = source;
    return createVaultStorage({ ...vault, mount, rootKey, refreshInterval: view.refreshMs });
  }
  if (source.type === "kubernetes")
    return createKubernetesStorage({ client: kubernetes, namespaces: view.namespaceChoice });
  const folder = (kind: AnyKind): string => (source.flat && kind.kind === SecretKind.kind ? "" : kind.plural);
  const { directory, statusDirectory } = source;
  return createFileStorage({ directory, statusDirectory, folder, rescanInterval: view.refreshMs, fileMode });
}
