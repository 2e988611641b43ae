import type { Attributes } from "@opentelemetry/api";
import { refKey, refOf, type Resource } from "../../resources/index.ts";
import type { WatchEvent } from "../../storage/index.ts";

/** So many events of one flush have spans of their own, and so many names are in one. */
const MAX_EVENTS = 10;
const MAX_NAMES = 10;

/** What a storage told, without its content. */
export interface StorageEvent {
  /** When the storage was seen to have changed, and when the resources were delivered. Milliseconds since the epoch. */
  readonly seenAt: number;
  readonly deliveredAt: number;
  readonly attributes: Attributes;
}

/** What storages told since it was taken last. */
export interface StorageEvents {
  /** `offset`: from `performance.now()` to milliseconds since the epoch. */
  add(offset: number, kind: string, event: WatchEvent<Resource>): void;
  /** `total`: as many as there were; `first` has at most ten. */
  take(): { readonly first: readonly StorageEvent[]; readonly total: number };
}

export function collectStorageEvents(): StorageEvents {
  let first: StorageEvent[] = [];
  let total = 0;
  return {
    add(offset, kind, event) {
      if (event.type !== "state" && event.type !== "changes") return;
      total++;
      if (first.length >= MAX_EVENTS) return;
      const now = performance.now();
      const seenAt = (event.type === "changes" ? event.seenAt : undefined) ?? now;
      first.push({ seenAt: seenAt + offset, deliveredAt: now + offset, attributes: attributesOf(kind, event) });
    },
    take() {
      const taken = { first, total };
      first = [];
      total = 0;
      return taken;
    },
  };
}

function attributesOf(kind: string, event: WatchEvent<Resource> & { type: "state" | "changes" }): Attributes {
  const changed = event.type === "state" ? event.items : event.changed;
  const removed = event.type === "state" ? [] : event.removed;
  const few = changed.slice(0, MAX_NAMES);
  return {
    "epoxy.kind": kind,
    "epoxy.whole": event.type === "state",
    "epoxy.changed": changed.length,
    "epoxy.removed": removed.length,
    "epoxy.refs": [...few.map(refOf), ...removed.slice(0, MAX_NAMES)].map(refKey).slice(0, MAX_NAMES),
    "epoxy.versions": few.map(({ metadata }) => metadata?.resourceVersion ?? ""),
  };
}
