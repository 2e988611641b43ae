import type { Settings } from "../../../generated/proto/epoxy/gloo/v1/settings.ts";
import { type MessageType, walkSetFields } from "../../resources/index.ts";

/** Every field of Settings that something in this process goes by; a path stands for all below it. */
export const honoured: ReadonlySet<string> = new Set([
  "metadata",
  "namespacedStatuses",
  "discoveryNamespace",
  "watchNamespaces",
  "watchNamespaceSelectors",
  "kubernetesConfigSource",
  "kubernetesSecretSource",
  "kubernetesArtifactSource",
  "directoryConfigSource",
  "consulKvSource",
  "directorySecretSource",
  "vaultSecretSource",
  "directoryArtifactSource",
  "consulKvArtifactSource",
  "refreshRate",
  // Gloo's developer mode only opened a debug port; ours is always there.
  "devMode",
  "discovery.udsOptions.enabled",
  "discovery.udsOptions.watchLabels",
  "gloo.xdsBindAddr",
  "gloo.xds.tls",
  "gloo.xds.plaintext",
  "gloo.xds.clients",
  "gloo.xds.limits",
  "gloo.xds.batching",
  "gloo.xds.keepalive",
  "gloo.xds.maxConnectionAge",
  "gloo.xds.slowAfter",
  "gloo.xds.giveUpAfter",
  "gloo.circuitBreakers",
  "gloo.invalidConfigPolicy",
  "gloo.regexMaxProgramSize",
  "gloo.disableScopedRoutes",
  "gloo.serveAllUpstreams",
  "gloo.canary",
  "gateway.readGatewaysFromAllNamespaces",
  "gateway.persistProxySpec",
  "gateway.translateEmptyGateways",
  "gloo.disableKubernetesDestinations",
  "kubernetes.rateLimits",
  "gateway.validation.alwaysAccept",
  "gateway.validation.allowWarnings",
  "gateway.validation.serverEnabled",
  "gateway.validation.validationWebhookTlsCert",
  "gateway.validation.validationWebhookTlsKey",
  "gateway.validation.warnMissingTlsSecret",
  "gateway.validation.warnRouteShortCircuiting",
  // Of the time when Gloo validated in another process: here it is always the one that serves.
  "gateway.validation.proxyValidationServerAddr",
  "gateway.validation.ignoreGlooValidationFailure",
  "gateway.validation.validationServerGrpcMaxSizeBytes",
  // There is no slow check to be turned off.
  "gateway.validation.disableTransformationValidation",
  "consul.address",
  "consul.httpAddress",
  "consul.datacenter",
  "consul.token",
  "consul.username",
  "consul.password",
  "consul.caFile",
  "consul.caPath",
  "consul.certFile",
  "consul.keyFile",
  "consul.insecureSkipVerify",
  "consul.waitTime",
  "consul.serviceDiscovery",
  "consul.dnsAddress",
  "consul.dnsPollingInterval",
  "consulDiscovery.serviceTagsAllowlist",
  // Blocking queries per service are the only way here.
  "consulDiscovery.edsBlockingQueries",
]);

/** Ancestors of honoured paths: they are walked into. */
const ancestors: ReadonlySet<string> = new Set(
  [...honoured].flatMap((path) => {
    const segments = path.split(".");
    return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join("."));
  }),
);

/** Paths of all fields that are set and that nothing goes by, so that no setting is silently without effect. */
export function notHonoured(type: MessageType<Settings>, settings: Settings): readonly string[] {
  const paths: string[] = [];
  const hasSeveral = (settings.secretOptions?.sources.length ?? 0) > 0;
  walkSetFields(type, settings, (path, _field, value) => {
    const plain = path.replace(/\[[^\]]*\]/g, "");
    // The list takes its place.
    if (hasSeveral && plain === settings.secretSource?.$case) {
      paths.push(path);
      return "skip";
    }
    if (honoured.has(plain)) return "skip";
    if (plain === "kubernetes" || plain === "secretOptions" || plain === "secretOptions.sources") return undefined;
    if (/^secretOptions\.sources\.(directory|vault|kubernetes)$/.test(plain)) return "skip";
    if (ancestors.has(plain) && Object.keys(value as object).length > 0) return undefined;
    paths.push(path);
    return "skip";
  });
  return paths;
}

/** What is said of such a field. */
export const notHonouredText = (path: string): string =>
  `Settings field ${path} is not honoured by this version of Epoxy`;
