import { existsSync } from "node:fs";
import { join } from "node:path";
import { ArtifactKind, kinds, SecretKind, SettingsKind } from "../../generated/sdk/index.ts";
import type { Settings } from "../../generated/proto/epoxy/gloo/v1/settings.ts";
import {
  artifactSource,
  configSource,
  consulOptions,
  DEFAULT_NAMESPACE,
  type SourceView,
  secretSources,
  vaultSource,
} from "../control-plane/settings/index.ts";
import { EpoxyError, isNotFound } from "../errors/index.ts";
import type { AnyKind, Kind, Resource } from "../resources/index.ts";
import type { ResourceClient, Storage } from "../storage/index.ts";
import { createFileStorage } from "../storage/file/index.ts";
import type { NamespaceChoice } from "../storage/kubernetes/index.ts";
import type { ValuesOf } from "./option.ts";
import type { GlobalOptions } from "./options.ts";
import { UsageError } from "./usage-error.ts";

/** The storages that the options name, each opened when it is needed first. */
export interface Stores extends AsyncDisposable {
  /** The namespace that the control plane reports under. */
  readonly statusNamespace: string;
  /** Where resources of a kind are: one, or several for secrets. The first is written to. */
  clients<T extends Resource>(kind: Kind<T>): Promise<readonly ResourceClient<T>[]>;
  /** The places of the kind's resources, in the same order. */
  sources(kind: AnyKind): readonly SourceView[];
  /** Those of the folder; undefined: there are none, or no folder is used. */
  readonly settings: Settings | undefined;
  /** The one that is written to. */
  client<T extends Resource>(kind: Kind<T>): Promise<ResourceClient<T>>;
}

type StoreOptions = ValuesOf<GlobalOptions>;

const defaultDirectory = "data";

/**
 * Opens what the options name. A folder with Settings is used as they say, one with a folder for a kind as it is, and any other as
 * `epoxy serve` would use it.
 * @param use `existing`: the command has nothing to do in a folder that isn't there, which is then taken for a mistyped one
 * @param namespaces of Kubernetes, where all are asked for
 * @throws UsageError, `invalid` for broken Settings, `not_found` if there is no folder
 */
export async function openStores(
  options: StoreOptions,
  signal: AbortSignal,
  use: "existing" | "any" = "any",
  namespaces?: NamespaceChoice,
): Promise<Stores> {
  const directory = options.dir || defaultDirectory;
  if (use === "existing" && options.dir && !existsSync(directory)) {
    throw new EpoxyError("not_found", `there is no folder ${directory}: check --dir and EPOXY_DIR`);
  }
  const hasDirectory = Boolean(options.dir) || existsSync(directory);
  const noDirectory = (): EpoxyError => {
    const hint = "name the folder with --dir or EPOXY_DIR, or give --use-consul or --use-kubernetes";
    return new EpoxyError("not_found", `there is no folder ./${defaultDirectory}: ${hint}`);
  };
  const isElsewhere = options["use-consul"] || options["use-vault"] || options["use-kubernetes"];
  if (!isElsewhere && !hasDirectory) throw noDirectory();
  const usesDirectory = options.dir ? true : !options["use-consul"] && !options["use-kubernetes"];
  const settings = usesDirectory && hasDirectory ? await readSettings(directory, signal) : undefined;
  const storages = new Map<string, Promise<Storage>>();

  const open = (source: SourceView): Promise<Storage> => {
    const key = JSON.stringify(source);
    const storage = storages.get(key) ?? openSource(source, options, settings, namespaces);
    storages.set(key, storage);
    return storage;
  };
  const sourcesOf = (kind: AnyKind): readonly SourceView[] => {
    const isPlain = settings === undefined && isPlainFolder(directory);
    const inConsul = { type: "consul", rootKey: options["consul-root-key"] || "gloo" } as const;
    if (kind.kind === SecretKind.kind && options["use-vault"]) return [vaultOf(options, settings)];
    if (options["use-kubernetes"]) return [{ type: "kubernetes" }];
    if (kind.kind === SettingsKind.kind || kind.kind === SecretKind.kind) {
      if (!usesDirectory) throw notInConsul(kind);
      if (isPlain) return [folder(directory, false)];
      return kind.kind === SecretKind.kind ? secretSources(settings, directory) : [folder(directory, true)];
    }
    if (options["use-consul"]) return [inConsul];
    if (!hasDirectory) throw noDirectory();
    if (isPlain) return [folder(directory, false)];
    return [kind.kind === ArtifactKind.kind ? artifactSource(settings, directory) : configSource(settings, directory)];
  };
  const clients = async <T extends Resource>(kind: Kind<T>) => {
    const found = await Promise.all(sourcesOf(kind).map(open));
    return found.map((storage) => storage.client(kind));
  };
  return {
    statusNamespace: settings?.discoveryNamespace || DEFAULT_NAMESPACE,
    clients,
    sources: sourcesOf,
    settings,
    async client(kind) {
      const [first] = await clients(kind);
      if (first === undefined)
        throw new EpoxyError("invalid", `the Settings in ${directory} name no place for ${kind.plural}`);
      return first;
    },
    async [Symbol.asyncDispose]() {
      for (const storage of storages.values())
        await storage.then(
          (opened) => opened.close(),
          () => undefined,
        );
    },
  };
}

const folder = (directory: string, flat: boolean): SourceView => ({
  type: "directory",
  directory,
  statusDirectory: undefined,
  flat,
});

async function readSettings(directory: string, signal: AbortSignal): Promise<Settings | undefined> {
  const storage = createFileStorage({ directory, folder: () => "" });
  try {
    return await storage.client(SettingsKind).read({ namespace: DEFAULT_NAMESPACE, name: "default" }, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  } finally {
    await storage.close();
  }
}

/** Whether a folder holds the kinds' folders itself. */
const isPlainFolder = (directory: string): boolean =>
  !existsSync(join(directory, "config")) && kinds.some(({ plural }) => existsSync(join(directory, plural)));

/** Vault as the Settings say it, if they name it, with what the options say instead. */
function vaultOf(options: StoreOptions, settings: Settings | undefined): SourceView {
  const single = settings?.secretSource;
  const listed = settings?.secretOptions?.sources.find(({ source }) => source?.$case === "vault")?.source;
  const named = listed?.$case === "vault" ? listed.value : undefined;
  return vaultSource(named ?? (single?.$case === "vaultSecretSource" ? single.value : undefined), "--use-vault", {
    address: options["vault-address"],
    token: options["vault-token"],
    rootKey: options["vault-root-key"],
    pathPrefix: options["vault-path-prefix"],
    caCert: options["vault-ca-cert"],
    caPath: options["vault-ca-path"],
    clientCert: options["vault-client-cert"],
    clientKey: options["vault-client-key"],
    tlsServerName: options["vault-tls-server-name"],
    insecure: options["vault-tls-insecure"],
  });
}

async function openSource(
  source: SourceView,
  options: StoreOptions,
  settings: Settings | undefined,
  namespaces: NamespaceChoice | undefined,
): Promise<Storage> {
  if (source.type === "vault") {
    const { createVaultStorage } = await import("../storage/vault/index.ts");
    return createVaultStorage({ ...source.vault, mount: source.mount, rootKey: source.rootKey });
  }
  if (source.type === "kubernetes") {
    const { createKubernetesStorage } = await import("../storage/kubernetes/index.ts");
    return createKubernetesStorage({ kubeconfig: options.kubeconfig, context: options["kube-context"], namespaces });
  }
  if (source.type === "directory") {
    const { directory, statusDirectory, flat } = source;
    return createFileStorage({ directory, statusDirectory, folder: (kind) => (flat ? "" : kind.plural) });
  }
  const { createConsulStorage } = await import("../storage/consul/index.ts");
  const configured = consulOptions(settings);
  const [ca, cert, key] = [options["consul-ca-cert"], options["consul-client-cert"], options["consul-client-key"]];
  return createConsulStorage({
    ...configured,
    address: options["consul-address"] || configured?.address,
    ...(options["consul-scheme"] === undefined ? {} : { scheme: options["consul-scheme"] }),
    datacenter: options["consul-datacenter"] || configured?.datacenter,
    token: options["consul-token"] || configured?.token,
    ...(ca || cert || key ? { tls: { ca, cert, key } } : {}),
    rootKey: options["consul-root-key"] || source.rootKey,
    consistency: options["consul-allow-stale-reads"] ? "stale" : "consistent",
  });
}

const notInConsul = (kind: AnyKind): UsageError =>
  new UsageError(
    `${kind.plural} are not kept in Consul: name the folder of \`epoxy serve\` with --dir, too${kind.kind === SecretKind.kind ? ", or give --use-vault" : ""}`,
  );
