import type { Resource } from "../../resources/index.ts";
import type { WatchEvent } from "../../storage/index.ts";
import type { XdsChange, XdsEvents } from "../../xds/index.ts";

/** Follows changes on their way from a storage to the proxies' answers. */
export interface ChangeTraces {
  /** A storage has told of resources of the kind; the next flush takes them over. */
  onStorageEvent(kind: string, event: WatchEvent<Resource>): void;
  /** Runs a flush of the graph. */
  derive(flush: () => void): void;
  /** Runs what takes a change over into the cache. */
  apply(key: string, change: XdsChange, run: () => void): void;
  readonly xdsEvents: XdsEvents;
  /** Ends what is under way. */
  close(): void;
}

/** What there is where nobody asked for traces. */
export const noTraces: ChangeTraces = {
  onStorageEvent: () => {},
  derive: (flush) => flush(),
  apply: (_key, _change, run) => run(),
  xdsEvents: {},
  close: () => {},
};
