export type { BlockingAnswer } from "./blocking-query.ts";
export { blockingQuery } from "./blocking-query.ts";
export type { ConsulClient } from "./consul-client.ts";
export { createConsulClient } from "./consul-client.ts";
export type { ConsulConsistency, ConsulOptions } from "./consul-options.ts";
export type {
  CatalogOptions,
  ConsulAnswer,
  ConsulCheck,
  HealthEntry,
  KvChanges,
  KvEntry,
  KvListing,
} from "./consul-queries.ts";
export type { ConsulSessions, SessionGuard, SessionOptions } from "./consul-sessions.ts";
export { followQuery } from "./follow-query.ts";
export type { ResetGuard } from "./reset-guard.ts";
export { createResetGuard } from "./reset-guard.ts";
export type { StoreIdentity } from "./store-identity.ts";
export { createStoreIdentity } from "./store-identity.ts";
