export type { Backoff, BackoffOptions, Clock } from "./backoff.ts";
export { createBackoff, systemClock } from "./backoff.ts";
export type {
  AnyClient,
  CallOptions,
  DeleteOptions,
  ListOptions,
  ListResult,
  Problem,
  ResourceClient,
  Storage,
  WatchEvent,
  WatchOptions,
  WriteOptions,
  WriteStatusOptions,
} from "./client.ts";
export type {
  DriverEvent,
  DriverList,
  DriverOptions,
  StatusPrecondition,
  StorageDriver,
  StoredEntry,
} from "./driver.ts";
export { createMemoryStorage } from "./memory/index.ts";
export type { RuntimeOptions } from "./runtime-storage.ts";
export { createStorage } from "./runtime-storage.ts";
export type { SourceEvent, WatchGroup } from "./watch-group.ts";
export { createWatchGroup } from "./watch-group.ts";
