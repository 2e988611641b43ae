export type { KubernetesService, TranslationContext, TranslationSettings, UpstreamState } from "./context.ts";
export { normalizeDomain } from "./checks/domain.ts";
export { translationSettings } from "./context.ts";
export type { EndpointAddress, TranslatedEndpoints } from "./endpoints.ts";
export { translateEndpoints } from "./endpoints.ts";
export { fallbackSnapshot } from "./fallback.ts";
export type {
  Feature,
  FeatureScope,
  HttpListenerContribution,
  RouteContribution,
  Stage,
  StagedHttpFilter,
} from "./feature.ts";
export type { TranslatedListener } from "./listener.ts";
export { translateListener } from "./listener.ts";
export {
  ANY_CLUSTER,
  clusterName,
  consulUpstreamRef,
  KUBERNETES_SERVICE_PREFIX,
  kubernetesServiceRef,
  kubernetesUpstreamName,
  listenerName,
  routeConfigurationName,
  virtualHostName,
} from "./names.ts";
export { readVirtualHost, routeConfigHeader, virtualHostPieces } from "./route-configuration.ts";
export { cutByScope, routeScope, scopedTableName } from "./scoped-routes.ts";
export { checkFragmentTls } from "./tls/check-tls.ts";
export {
  certificatesIn,
  keyFault,
  readCertificate,
  type TlsSecretState,
  tlsSecretState,
  UNSEEN_TLS_SECRET,
} from "./tls/tls-secret.ts";
export type { TranslatedUpstream } from "./upstream.ts";
export { translateUpstream } from "./upstream.ts";
export { checkUpstreamGroup } from "./upstream-group.ts";
export type { TranslatedVirtualHost } from "./virtual-host.ts";
export { translateVirtualHost } from "./virtual-host.ts";
