export type { BlockingAnswer } from "./blocking-query.ts";
export { blockingQuery } from "./blocking-query.ts";
export type { ConsulClient } from "./consul-client.ts";
export { createConsulClient } from "./consul-client.ts";
export type { ConsulConsistency, ConsulOptions, ConsulTls } from "./consul-options.ts";
export type {
  CatalogOptions,
  ConsulAnswer,
  ConsulCheck,
  HealthEntry,
  KvEntry,
  QueryOptions,
} from "./consul-queries.ts";
export type { ResetDecision, StoreIdentity } from "./store-identity.ts";
export { createStoreIdentity } from "./store-identity.ts";
export type { FollowEvent } from "./follow-query.ts";
export { followQuery } from "./follow-query.ts";
export type { ResetGuard } from "./reset-guard.ts";
export { createResetGuard } from "./reset-guard.ts";
