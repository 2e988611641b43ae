import { resolve } from "node:path";
import type { Settings } from "../../../generated/proto/epoxy/gloo/v1/settings.ts";
import type { Duration } from "../../../generated/proto/google/protobuf/duration.ts";
import type { ConsulOptions } from "../../consul/index.ts";
import { type TranslationSettings, translationSettings } from "../../envoy/index.ts";
import { EpoxyError } from "../../errors/index.ts";
import type { GatewaySettings } from "../../gateway/index.ts";
import { type HostPort, parseHostPort } from "./host-port.ts";

export const DEFAULT_NAMESPACE = "gloo-system";
export const DEFAULT_XDS_ADDRESS = "127.0.0.1:9977";

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
  | { readonly type: "consul"; readonly rootKey: string };

/** What discovery from Consul is to do; undefined members of the view mean that there is none. */
export interface ConsulDiscoveryView {
  readonly upstreams: boolean;
  readonly dataCenters: readonly string[];
  readonly dnsAddress: string;
  readonly dnsPollingMs: number | undefined;
  readonly serviceTagsAllowlist: readonly string[];
}

/** The settings in force, as this process goes by them: defaults filled in, paths absolute, one shape for each alternative. */
export interface SettingsView {
  readonly writeNamespace: string;
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  readonly config: SourceView;
  readonly secrets: readonly SourceView[];
  readonly artifacts: SourceView;
  readonly consul: ConsulOptions | undefined;
  readonly consulDiscovery: ConsulDiscoveryView | undefined;
  readonly xdsBindAddress: HostPort;
  readonly refreshMs: number;
  readonly gateway: GatewaySettings;
  readonly translation: TranslationSettings;
  readonly persistProxies: boolean;
}

const DEFAULT_REFRESH_MS = 60_000;

/**
 * Reads Settings the way this process uses them.
 * @param dataDirectory relative directories start here; without a source the resources are in its `config`, `secret` and `artifact`
 * @throws `invalid` with the field's path
 */
export function viewSettings(settings: Settings | undefined, dataDirectory: string): SettingsView {
  const writeNamespace = settings?.discoveryNamespace || DEFAULT_NAMESPACE;
  const watched = settings?.watchNamespaces.filter((namespace) => namespace !== "") ?? [];
  const consul = consulOptions(settings);
  const view: SettingsView = {
    writeNamespace,
    watchNamespaces: watched.length === 0 ? [] : [...new Set([...watched, writeNamespace])].toSorted(),
    config: configSource(settings, dataDirectory),
    secrets: secretSources(settings, dataDirectory),
    artifacts: artifactSource(settings, dataDirectory),
    consul,
    consulDiscovery: consulDiscovery(settings),
    xdsBindAddress: parseHostPort(settings?.gloo?.xdsBindAddr || DEFAULT_XDS_ADDRESS, "gloo.xdsBindAddr"),
    refreshMs: durationMs(settings?.refreshRate) ?? DEFAULT_REFRESH_MS,
    gateway: {
      writeNamespace,
      readGatewaysFromAllNamespaces: settings?.gateway?.readGatewaysFromAllNamespaces ?? false,
      translateEmptyGateways: settings?.gateway?.translateEmptyGateways ?? false,
    },
    translation: translationSettings(settings),
    persistProxies: settings?.gateway?.persistProxySpec ?? false,
  };
  const usesConsul = [view.config, view.artifacts, ...view.secrets].some((source) => source.type === "consul");
  return usesConsul && consul === undefined ? { ...view, consul: {} } : view;
}

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

const kubernetes = (field: string): EpoxyError =>
  new EpoxyError(
    "invalid",
    `${field} is not supported yet: use a directory or Consul (directoryConfigSource, consulKvSource)`,
    at(field),
  );

function configSource(settings: Settings | undefined, dataDirectory: string): SourceView {
  const source = settings?.configSource;
  switch (source?.$case) {
    case undefined:
      return directory({ directory: "config" }, dataDirectory, "directoryConfigSource");
    case "directoryConfigSource":
      return directory(source.value, dataDirectory, "directoryConfigSource");
    case "consulKvSource":
      return { type: "consul", rootKey: source.value.rootKey || "gloo" };
    case "kubernetesConfigSource":
      throw kubernetes("kubernetesConfigSource");
  }
}

function artifactSource(settings: Settings | undefined, dataDirectory: string): SourceView {
  const source = settings?.artifactSource;
  switch (source?.$case) {
    case undefined:
      return directory({ directory: "artifact" }, dataDirectory, "directoryArtifactSource");
    case "directoryArtifactSource":
      return directory(source.value, dataDirectory, "directoryArtifactSource");
    case "consulKvArtifactSource":
      return { type: "consul", rootKey: source.value.rootKey || "gloo" };
    case "kubernetesArtifactSource":
      throw kubernetes("kubernetesArtifactSource");
  }
}

/** The directories among the sources of secrets; Vault and Kubernetes are reported as not honoured. */
function secretSources(settings: Settings | undefined, dataDirectory: string): readonly SourceView[] {
  const source = settings?.secretSource;
  const options = settings?.secretOptions?.sources ?? [];
  if (source === undefined && options.length === 0)
    return [directory({ directory: "secret" }, dataDirectory, "directorySecretSource")];
  const first =
    source?.$case === "directorySecretSource" ? [directory(source.value, dataDirectory, "directorySecretSource")] : [];
  const others = options.flatMap(({ source: option }, index) =>
    option?.$case === "directory"
      ? // Gloo has no `secrets` folder below the directories of secretOptions.
        [directory(option.value, dataDirectory, `secretOptions.sources[${index}].directory`, true)]
      : [],
  );
  return [...first, ...others];
}

function consulOptions(settings: Settings | undefined): ConsulOptions | undefined {
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

function consulDiscovery(settings: Settings | undefined): ConsulDiscoveryView | undefined {
  const consul = settings?.consul;
  if (consul === undefined) return undefined;
  return {
    upstreams: consul.serviceDiscovery !== undefined && settings?.discovery?.udsOptions?.enabled !== false,
    dataCenters: consul.serviceDiscovery?.dataCenters ?? [],
    dnsAddress: consul.dnsAddress,
    dnsPollingMs: durationMs(consul.dnsPollingInterval),
    serviceTagsAllowlist: settings?.consulDiscovery?.serviceTagsAllowlist ?? [],
  };
}

/** Milliseconds of a duration; undefined for none. */
export function durationMs(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}
