export type {
  EventLoop,
  EventLoopError,
  EventLoopHealth,
  EventLoopOptions,
  Scope,
  SnapshotSources,
  SyncEvent,
  Syncer,
} from "./event-loop.ts";
export { createEventLoop, snapshot$ } from "./event-loop.ts";
export type { FromWatchOptions, SourceHealth, WatchedSource } from "./from-watch.ts";
export { fromWatch } from "./from-watch.ts";
export { changes$, watch$ } from "./observables.ts";
export type {
  ReconcileFailure,
  ReconcileOptions,
  ReconcileResult,
  Reconciler,
  ReconcilerOptions,
  Transition,
} from "./reconciler.ts";
export { createReconciler } from "./reconciler.ts";
export type { ReportStatusOptions } from "./report-status.ts";
export { statusOfReport, trimStatus } from "./report-status.ts";
export type { ResourceReport } from "./resource-reports.ts";
export { ResourceReports } from "./resource-reports.ts";
export type { ResourceSet } from "./resource-set.ts";
export type { RetryOptions } from "./retry.ts";
export type { ResourceChanges, ResourceOf, Snapshot, SnapshotChanges, SnapshotShape } from "./snapshot.ts";
export type {
  ReportOptions,
  ReportResult,
  StatusEntry,
  StatusReporter,
  StatusReporterOptions,
} from "./status-reporter.ts";
export { createStatusReporter } from "./status-reporter.ts";
export type { BatchOptions } from "./sync-schedule.ts";
