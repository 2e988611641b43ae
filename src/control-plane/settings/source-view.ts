import { resolve } from "node:path";
import type { Settings } from "../../../generated/proto/epoxy/gloo/v1/settings.ts";
import type { Duration } from "../../../generated/proto/google/protobuf/duration.ts";
import type { ConsulOptions } from "../../consul/index.ts";
import { EpoxyError } from "../../errors/index.ts";
import { vaultSource, type VaultView } from "./vault-source.ts";

export const DEFAULT_NAMESPACE = "gloo-system";

/** Where resources are kept. */
export type SourceView =
  | {
      readonly type: "directory";
      readonly directory: string;
      /** Where statuses go; undefined: into the resources' own files. */
      readonly statusDirectory: string | undefined;
      /** The namespaces' folders lie in the directory itself, without one for the kind. */
      readonly flat: boolean;
    }
  | { readonly type: "consul"; readonly rootKey: string }
  /** Which cluster, the process is told, not the Settings. */
  | { readonly type: "kubernetes" }
  | VaultView;

function directory(
  given: { readonly directory: string; readonly statusDirectory?: string },
  dataDirectory: string,
  field: string,
  flat = false,
): SourceView {
  const path = `${field}.directory`;
  if (given.directory === "") throw new EpoxyError("invalid", `${path} is empty: name the folder`, at(path));
  return {
    type: "directory",
    directory: resolve(dataDirectory, given.directory),
    statusDirectory: given.statusDirectory ? resolve(dataDirectory, given.statusDirectory) : undefined,
    flat,
  };
}

const at = (path: string) => ({ location: { source: "Settings", path } });

const kubernetes: SourceView = { type: "kubernetes" };

/** Where the resources are. @throws `invalid` */
export function configSource(settings: Settings | undefined, dataDirectory: string): SourceView {
  const source = settings?.configSource;
  switch (source?.$case) {
    case undefined:
      return directory({ directory: "config" }, dataDirectory, "directoryConfigSource");
    case "directoryConfigSource":
      return directory(source.value, dataDirectory, "directoryConfigSource");
    case "consulKvSource":
      return { type: "consul", rootKey: source.value.rootKey || "gloo" };
    case "kubernetesConfigSource":
      return kubernetes;
  }
}

/** Where the artifacts are. @throws `invalid` */
export function artifactSource(settings: Settings | undefined, dataDirectory: string): SourceView {
  const source = settings?.artifactSource;
  switch (source?.$case) {
    case undefined:
      return directory({ directory: "artifact" }, dataDirectory, "directoryArtifactSource");
    case "directoryArtifactSource":
      return directory(source.value, dataDirectory, "directoryArtifactSource");
    case "consulKvArtifactSource":
      return { type: "consul", rootKey: source.value.rootKey || "gloo" };
    case "kubernetesArtifactSource":
      return kubernetes;
  }
}

/**
 * Where secrets are, in order: of several that have one the first counts, and the first is written to. `secretOptions` takes the place of the single
 * source. @throws `invalid`
 */
export function secretSources(settings: Settings | undefined, dataDirectory: string): readonly SourceView[] {
  const options = settings?.secretOptions?.sources ?? [];
  if (options.length === 0) return singleSecretSource(settings, dataDirectory);
  return options.flatMap(({ source }, index) => {
    const field = `secretOptions.sources[${index}]`;
    switch (source?.$case) {
      case "directory":
        // Gloo has no `secrets` folder below the directories of secretOptions.
        return [directory(source.value, dataDirectory, `${field}.directory`, true)];
      case "vault":
        return [vaultSource(source.value, `${field}.vault`)];
      case "kubernetes":
        return [kubernetes];
      case undefined:
        return [];
    }
  });
}

function singleSecretSource(settings: Settings | undefined, dataDirectory: string): readonly SourceView[] {
  const source = settings?.secretSource;
  switch (source?.$case) {
    case undefined:
      return [directory({ directory: "secret" }, dataDirectory, "directorySecretSource")];
    case "directorySecretSource":
      return [directory(source.value, dataDirectory, "directorySecretSource")];
    case "vaultSecretSource":
      return [vaultSource(source.value, "vaultSecretSource")];
    case "kubernetesSecretSource":
      return [kubernetes];
  }
}

/** How to reach Consul; undefined: the settings name none. */
export function consulOptions(settings: Settings | undefined): ConsulOptions | undefined {
  const consul = settings?.consul;
  if (consul === undefined) return undefined;
  const tls =
    consul.caFile || consul.caPath || consul.certFile || consul.insecureSkipVerify
      ? {
          ca: consul.caFile || undefined,
          caPath: consul.caPath || undefined,
          cert: consul.certFile || undefined,
          key: consul.keyFile || undefined,
          insecure: consul.insecureSkipVerify,
        }
      : undefined;
  return {
    address: consul.httpAddress || consul.address || undefined,
    datacenter: consul.datacenter || undefined,
    token: consul.token || undefined,
    username: consul.username || undefined,
    password: consul.password || undefined,
    waitTime: durationMs(consul.waitTime),
    tls,
  };
}

/** Milliseconds of a duration; undefined for none. */
export function durationMs(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}
