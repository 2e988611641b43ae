export type { XdsPart, XdsPiece, XdsResource, XdsResourceName, XdsResourceOptions } from "./cache/resource.ts";
export {
  fieldPart,
  joinedPart,
  piecesOf,
  resourceFromBytes,
  resourceFromParts,
  resourceSize,
  xdsPart,
  xdsPiece,
} from "./cache/resource.ts";
export type { XdsCache, XdsChange, XdsTypeDump } from "./cache/xds-cache.ts";
export { createXdsCache } from "./cache/xds-cache.ts";
export type { LoadIncrement, LoadReport } from "./load/load-reports.ts";
export type { CanaryNews } from "./quarantine/fleet.ts";
export type { Quarantine } from "./quarantine/quarantine.ts";
export { createQuarantine } from "./quarantine/quarantine.ts";
export type { QuarantinedContent, Refusal } from "./quarantine/refusal.ts";
export type { Roles } from "./quarantine/roles.ts";
export { envoyTypes } from "./rest/envoy-json.ts";
export type { RestServer, RestServerOptions } from "./rest/rest-server.ts";
export { createRestServer } from "./rest/rest-server.ts";
export type { Batching } from "./server/batcher.ts";
export type { Denial, PeerCertificate, XdsAuthorizer, XdsPeer } from "./security/authorizer.ts";
export type { ClientRule } from "./security/client-rules.ts";
export type { XdsSecurity, XdsSecurityFiles, XdsSecurityOptions } from "./security/security.ts";
export { openXdsSecurity } from "./security/security.ts";
export type { TlsFiles, TlsMaterial } from "./security/tls-files.ts";
export type {
  DenialEvent,
  NackEvent,
  ResponseEvent,
  StreamInfo,
  StreamState,
  TypeMetrics,
  XdsEvents,
  XdsMetrics,
} from "./server/events.ts";
export type { TypeStreamState } from "./server/type-stream.ts";
export type { SlowClientEvent } from "./server/slow-clients.ts";
export type { XdsLimits } from "./server/limits.ts";
export type { XdsLogger } from "./server/xds-logger.ts";
export type { XdsServer, XdsServerOptions } from "./server/xds-server.ts";
export { createXdsServer } from "./server/xds-server.ts";
export { typeUrls } from "./type-urls.ts";
export type { ErrorDetail, XdsNode } from "./wire.ts";
