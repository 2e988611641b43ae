/**
 * What generated code for controllers imports: version 1. It stands beside codegen-v1.ts because it loads more, which
 * programs without a controller should not pay for.
 */
export type {
  EventLoop,
  EventLoopOptions,
  Reconciler,
  ReconcilerOptions,
  Snapshot,
  SnapshotSources,
  Syncer,
} from "./snapshot/index.ts";
export { createEventLoop, createReconciler } from "./snapshot/index.ts";
