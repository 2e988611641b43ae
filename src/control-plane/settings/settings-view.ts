import { isAbsolute, resolve } from "node:path";
import type { Settings } from "../../../generated/proto/epoxy/gloo/v1/settings.ts";
import type { Duration } from "../../../generated/proto/google/protobuf/duration.ts";
import { type TranslationSettings, translationSettings } from "../../envoy/index.ts";
import { EpoxyError } from "../../errors/index.ts";
import type { GatewaySettings } from "../../gateway/index.ts";
import { type HostPort, parseHostPort } from "./host-port.ts";

export const DEFAULT_NAMESPACE = "gloo-system";
export const DEFAULT_XDS_ADDRESS = "127.0.0.1:9977";

/** Where resources are kept. */
export type SourceView =
  | { readonly type: "directory"; readonly directory: string; readonly flat: boolean }
  | { readonly type: "consul"; readonly rootKey: string };

/** How Consul is reached. */
export interface ConsulView {
  readonly address: string;
  readonly scheme: "http" | "https";
  readonly datacenter: string;
  readonly token: string;
  readonly username: string;
  readonly password: string;
  readonly caFile: string;
  readonly caPath: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly insecure: boolean;
  readonly waitMs: number | undefined;
}

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
  readonly consul: ConsulView | undefined;
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
  const consul = consulView(settings);
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
  if (usesConsul && consul === undefined) return { ...view, consul: DEFAULT_CONSUL };
  return view;
}

const DEFAULT_CONSUL: ConsulView = {
  address: "127.0.0.1:8500",
  scheme: "http",
  datacenter: "",
  token: "",
  username: "",
  password: "",
  caFile: "",
  caPath: "",
  certFile: "",
  keyFile: "",
  insecure: false,
  waitMs: undefined,
};

function directory(path: string, dataDirectory: string, field: string, flat = false): SourceView {
  if (path === "")
    throw new EpoxyError("invalid", `${field}.directory is empty: name the folder`, at(`${field}.directory`));
  return { type: "directory", directory: isAbsolute(path) ? path : resolve(dataDirectory, path), flat };
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
      return directory("config", dataDirectory, "directoryConfigSource");
    case "directoryConfigSource":
      return directory(source.value.directory, dataDirectory, "directoryConfigSource");
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
      return directory("artifact", dataDirectory, "directoryArtifactSource");
    case "directoryArtifactSource":
      return directory(source.value.directory, dataDirectory, "directoryArtifactSource");
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
    return [directory("secret", dataDirectory, "directorySecretSource")];
  const first =
    source?.$case === "directorySecretSource"
      ? [directory(source.value.directory, dataDirectory, "directorySecretSource")]
      : [];
  const others = options.flatMap(({ source: option }, index) =>
    option?.$case === "directory"
      ? // Gloo has no `secrets` folder below the directories of secretOptions.
        [directory(option.value.directory, dataDirectory, `secretOptions.sources[${index}].directory`, true)]
      : [],
  );
  return [...first, ...others];
}

function consulView(settings: Settings | undefined): ConsulView | undefined {
  const consul = settings?.consul;
  if (consul === undefined) return undefined;
  const given = consul.httpAddress || consul.address || DEFAULT_CONSUL.address;
  const [, scheme, rest] = /^(https?):\/\/(.*)$/.exec(given) ?? [];
  const { host, port } = parseHostPort(
    rest ?? given,
    consul.httpAddress === "" ? "consul.address" : "consul.httpAddress",
  );
  return {
    address: `${host}:${port}`,
    scheme: scheme === "https" || consul.caFile !== "" || consul.certFile !== "" ? "https" : "http",
    datacenter: consul.datacenter,
    token: consul.token,
    username: consul.username,
    password: consul.password,
    caFile: consul.caFile,
    caPath: consul.caPath,
    certFile: consul.certFile,
    keyFile: consul.keyFile,
    insecure: consul.insecureSkipVerify ?? false,
    waitMs: durationMs(consul.waitTime),
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
