import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import type { Collection, Source } from "../collections/index.ts";
import type { EndpointAddress } from "../envoy/index.ts";
import type { Component } from "./components.ts";
import type { Logger } from "./logger.ts";
import type { Storages } from "./open-storages.ts";
import type { SettingsView } from "./settings/settings-view.ts";

export interface DiscoveryOptions {
  readonly view: SettingsView;
  readonly storages: Storages;
  readonly components: ReadonlySet<Component>;
  /** All Upstreams, by refKey. */
  readonly upstreams: Collection<Upstream>;
  /** Gets the endpoints of those that are discovered, by refKey. */
  readonly endpoints: Source<readonly EndpointAddress[]>;
  readonly logger: Logger;
}

export interface DiscoveryRun {
  /** What isn't known yet. */
  waitingFor(): readonly string[];
  close(): Promise<void>;
}

export function startDiscovery({ endpoints }: DiscoveryOptions): DiscoveryRun {
  endpoints.markSynced();
  return { waitingFor: () => [], close: async () => {} };
}
