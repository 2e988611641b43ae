import type { AnyKind, Kind } from "../resources/index.ts";
import type { ResourceSet } from "./resource-set.ts";

/** The kinds that a snapshot holds, by the names of its members. No member may be called `revision`. */
export type SnapshotShape = Readonly<Record<string, AnyKind>>;

/** The resource type of a kind. */
export type ResourceOf<K> = K extends Kind<infer T> ? T : never;

/** All resources of some kinds as they were at one moment. Immutable: it stays as it is while newer ones are made. */
export type Snapshot<S extends SnapshotShape> = {
  readonly [Member in keyof S]: ResourceSet<ResourceOf<S[Member]>>;
} & {
  /** Counts the snapshots of one event loop, from 1. */
  readonly revision: number;
};

/** What differs between two snapshots in one kind; each list sorted by namespace and name as `namespace/name`. */
export interface ResourceChanges<T> {
  readonly added: readonly T[];
  readonly updated: readonly T[];
  /** The resources as they were last. */
  readonly removed: readonly T[];
}

/** What differs, by member. All members are present, also unchanged ones. */
export type SnapshotChanges<S extends SnapshotShape> = {
  readonly [Member in keyof S]: ResourceChanges<ResourceOf<S[Member]>>;
};
