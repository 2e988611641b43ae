import type { LabelSelector, Settings } from "../../../generated/proto/epoxy/gloo/v1/settings.ts";
import type { ConsulOptions } from "../../consul/index.ts";
import { type TranslationSettings, translationSettings } from "../../envoy/index.ts";
import type { GatewaySettings } from "../../gateway/index.ts";
import { EpoxyError } from "../../errors/index.ts";
import type { RequestRate } from "../../kubernetes/index.ts";
import { formatSelector } from "../../resources/index.ts";
import type { NamespaceChoice } from "../../storage/kubernetes/index.ts";
import type { AdmissionPolicy } from "../validation/admit.ts";
import { type XdsOverrides, type XdsView, viewXds } from "./xds-view.ts";
import {
  artifactSource,
  configSource,
  consulOptions,
  DEFAULT_NAMESPACE,
  durationMs,
  type SourceView,
  secretSources,
} from "./source-view.ts";

/** What discovery from Consul is to do; undefined members of the view mean that there is none. */
export interface ConsulDiscoveryView {
  readonly upstreams: boolean;
  readonly dataCenters: readonly string[];
  readonly dnsAddress: string;
  readonly dnsPollingMs: number | undefined;
  readonly serviceTagsAllowlist: readonly string[];
}

/** What is taken from Kubernetes besides resources. */
export interface KubernetesView {
  /** Whether its services become Upstreams. */
  readonly upstreams: boolean;
  /** Labels that such a service must have. */
  readonly watchLabels: Readonly<Record<string, string>>;
  readonly onlyIPv4: boolean;
}

/** The settings in force, as this process goes by them: defaults filled in, paths absolute, one shape for each alternative. */
export interface SettingsView {
  readonly writeNamespace: string;
  /** Empty: all, or those that `namespaceChoice` says. */
  readonly watchNamespaces: readonly string[];
  /** Namespaces of Kubernetes by their labels; undefined: labels don't matter. */
  readonly namespaceChoice: NamespaceChoice | undefined;
  readonly config: SourceView;
  readonly secrets: readonly SourceView[];
  readonly artifacts: SourceView;
  readonly consul: ConsulOptions | undefined;
  readonly consulDiscovery: ConsulDiscoveryView | undefined;
  /** What Kubernetes is used for; undefined: for nothing. */
  readonly kubernetes: KubernetesView | undefined;
  /** How many requests may be made to the API server; undefined: any number. */
  readonly kubernetesRate: RequestRate | undefined;
  readonly xds: XdsView;
  readonly refreshMs: number;
  readonly gateway: GatewaySettings;
  readonly translation: TranslationSettings;
  readonly persistProxies: boolean;
  /** How writes into Kubernetes are validated; undefined: they aren't. */
  readonly validation: ValidationView | undefined;
  /** How long proxies wait for the one that gets new configuration first; undefined: there is no such one. */
  readonly canaryMs: number | undefined;
  /** Whether statuses warn of routes that are never reached. */
  readonly warnShortCircuits: boolean;
}

/** The validating webhook. */
export interface ValidationView extends AdmissionPolicy {
  readonly certFile: string;
  readonly keyFile: string;
}

const DEFAULT_REFRESH_MS = 60_000;
const DEFAULT_CANARY_MS = 10_000;

/**
 * Reads Settings the way this process uses them.
 * @param dataDirectory relative directories start here; without a source the resources are in its `config`, `secret` and `artifact`
 * @throws `invalid` with the field's path
 */
export function viewSettings(settings: Settings | undefined, dataDirectory: string, xds?: XdsOverrides): SettingsView {
  const writeNamespace = settings?.discoveryNamespace || DEFAULT_NAMESPACE;
  const consul = consulOptions(settings);
  const canary = settings?.gloo?.canary;
  const view: SettingsView = {
    writeNamespace,
    ...viewNamespaces(settings),
    config: configSource(settings, dataDirectory),
    secrets: secretSources(settings, dataDirectory),
    artifacts: artifactSource(settings, dataDirectory),
    consul,
    consulDiscovery: consulDiscovery(settings),
    kubernetes: kubernetesView(settings),
    kubernetesRate: kubernetesRate(settings),
    xds: viewXds(settings, dataDirectory, xds),
    refreshMs: durationMs(settings?.refreshRate) ?? DEFAULT_REFRESH_MS,
    gateway: {
      writeNamespace,
      readGatewaysFromAllNamespaces: settings?.gateway?.readGatewaysFromAllNamespaces ?? false,
      translateEmptyGateways: settings?.gateway?.translateEmptyGateways ?? false,
    },
    translation: translationSettings(settings),
    persistProxies: settings?.gateway?.persistProxySpec ?? false,
    validation: validation(settings),
    warnShortCircuits: settings?.gateway?.validation?.warnRouteShortCircuiting ?? false,
    canaryMs: canary && (durationMs(canary.timeout) ?? DEFAULT_CANARY_MS),
  };
  const usesConsul = [view.config, view.artifacts, ...view.secrets].some((source) => source.type === "consul");
  return usesConsul && consul === undefined ? { ...view, consul: {} } : view;
}

/** Which namespaces are read. @throws `invalid` with the field's path */
export function viewNamespaces(
  settings: Settings | undefined,
): Pick<SettingsView, "watchNamespaces" | "namespaceChoice"> {
  const watched = settings?.watchNamespaces.filter((namespace) => namespace !== "") ?? [];
  const always = [...new Set([...watched, settings?.discoveryNamespace || DEFAULT_NAMESPACE])].toSorted();
  const selectors = settings?.watchNamespaceSelectors.map(selectorText) ?? [];
  return {
    watchNamespaces: watched.length === 0 || selectors.length > 0 ? [] : always,
    namespaceChoice: selectors.length === 0 ? undefined : { selectors, also: always },
  };
}

/** @throws `invalid` */
function selectorText({ matchLabels, matchExpressions }: LabelSelector, index: number): string {
  const expressions = matchExpressions.map(({ key, operator, values }) => {
    const known = (["In", "NotIn", "Exists", "DoesNotExist"] as const).find((name) => name === operator);
    if (known !== undefined) return { key, operator: known, values };
    const path = `watchNamespaceSelectors[${index}].matchExpressions`;
    const text = `${path}: the operator ${JSON.stringify(operator)} is none: use In, NotIn, Exists or DoesNotExist`;
    throw new EpoxyError("invalid", text, { location: { source: "Settings", path } });
  });
  return formatSelector({ matchLabels, expressions });
}

/** Where Gloo's chart mounts the webhook's certificate. */
const VALIDATION_CERTIFICATES = "/etc/gateway/validation-certs";

function validation(settings: Settings | undefined): ValidationView | undefined {
  const options = settings?.gateway?.validation;
  if (options === undefined || options.serverEnabled === false) return undefined;
  return {
    certFile: options.validationWebhookTlsCert || `${VALIDATION_CERTIFICATES}/tls.crt`,
    keyFile: options.validationWebhookTlsKey || `${VALIDATION_CERTIFICATES}/tls.key`,
    alwaysAccept: options.alwaysAccept ?? true,
    allowWarnings: options.allowWarnings ?? true,
  };
}

function kubernetesView(settings: Settings | undefined): KubernetesView | undefined {
  if (settings?.kubernetes === undefined && settings?.configSource?.$case !== "kubernetesConfigSource")
    return undefined;
  const uds = settings.discovery?.udsOptions;
  return {
    upstreams: uds?.enabled !== false,
    watchLabels: uds?.watchLabels ?? {},
    onlyIPv4: settings.ipV4Only,
  };
}

/** Those that Gloo's clients have by default, where one is set and the other isn't. */
const DEFAULT_RATE: RequestRate = { qps: 50, burst: 100 };

function kubernetesRate(settings: Settings | undefined): RequestRate | undefined {
  const limits = settings?.kubernetes?.rateLimits;
  if (limits === undefined) return undefined;
  const { qps, burst } = limits;
  if (!(qps >= 0)) {
    const path = "kubernetes.rateLimits.QPS";
    throw new EpoxyError("invalid", `${path} is ${qps}: give the requests per second, or 0 for ${DEFAULT_RATE.qps}`, {
      location: { source: "Settings", path },
    });
  }
  return { qps: qps || DEFAULT_RATE.qps, burst: burst || DEFAULT_RATE.burst };
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
