export type {
  Change,
  ChangeListener,
  ChangeSet,
  Collection,
  CollectionError,
  CollectionState,
  DeriveOptions,
  Group,
  Index,
  Lookup,
  Source,
  SubscribeOptions,
  Value,
  ValueSource,
} from "./collection.ts";
export type { CollectionDump, DumpOptions, GraphDump, IndexDump, LookupDump } from "./dump.ts";
export type { Graph, GraphOptions, Joined, JoinInputs, SourceOptions } from "./graph.ts";
export { createGraph } from "./graph.ts";
export { structuralEquals } from "./structural-equals.ts";
export type { SupposedEdit, SupposedOutcome } from "./supposition.ts";
