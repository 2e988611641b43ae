import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { UpstreamKind } from "../../generated/sdk/index.ts";
import type { Collection, Source } from "../collections/index.ts";
import {
  createConsulEndpointDiscovery,
  createConsulUpstreamDiscovery,
  createKubernetesUpstreamDiscovery,
  type Discovery,
  type Service,
} from "../discovery/index.ts";
import { type EndpointAddress, kubernetesUpstreamName } from "../envoy/index.ts";
import type { WatchedSource } from "../snapshot/index.ts";
import type { Component } from "./components.ts";
import type { LeaderRun } from "./leader-run.ts";
import type { Logger } from "./logger.ts";
import type { Storages } from "./open-storages.ts";
import type { SettingsView } from "./settings/settings-view.ts";

export interface DiscoveryOptions {
  readonly view: SettingsView;
  readonly storages: Storages;
  /** Only the leader writes discovered Upstreams. */
  readonly leader: LeaderRun;
  readonly components: ReadonlySet<Component>;
  /** Those of the storage. */
  readonly stored: WatchedSource<Upstream> | undefined;
  /** Those of Kubernetes, where it is configured. */
  readonly services: Collection<Service> | undefined;
  /** All Upstreams, by refKey. */
  readonly upstreams: Collection<Upstream>;
  /** Gets the endpoints of those that are discovered, by refKey. */
  readonly endpoints: Source<readonly EndpointAddress[]>;
  /** Gets why the endpoints of an Upstream aren't known yet, by refKey. */
  readonly failures: Source<string>;
  readonly logger: Logger;
}

/**
 * However long Consul takes to answer at the start: proxies keep what they have meanwhile, while a cluster served without its endpoints, or
 * left out, would fail the requests that it serves now.
 */
const WAIT_FOR_ENDPOINTS_MS = 24 * 60 * 60 * 1000;

/** Starts the discoveries that the settings and the components of this process ask for. */
export function startDiscovery(run: DiscoveryOptions): Discovery {
  const { view, storages, leader, components, upstreams, stored, services, endpoints, failures, logger } = run;
  const { consul } = storages;
  const { consulDiscovery: options } = view;
  const rootKey = view.config.type === "consul" ? view.config.rootKey : undefined;
  const running: Omit<Discovery, typeof Symbol.asyncDispose>[] = [];
  if (consul !== undefined && options?.upstreams === true && components.has("discovery")) {
    const discoverUpstreams = leader.whileLeader(() =>
      createConsulUpstreamDiscovery({
        client: consul,
        upstreams: leader.storage.client(UpstreamKind),
        namespace: view.writeNamespace,
        dataCenters: options.dataCenters,
        serviceTagsAllowlist: options.serviceTagsAllowlist,
        rootKey,
      }),
    );
    const { close } = discoverUpstreams;
    running.push({ waitingFor: () => discoverUpstreams.current?.waitingFor() ?? [], close });
  }
  if (services !== undefined && stored !== undefined && view.kubernetes?.upstreams && components.has("discovery")) {
    const { watchLabels } = view.kubernetes;
    const discoverUpstreams = leader.whileLeader(() =>
      createKubernetesUpstreamDiscovery({
        services,
        stored,
        upstreams: leader.storage.client(UpstreamKind),
        namespace: view.writeNamespace,
        watchLabels,
        onProblem: (line) => logger.warn({}, line),
        nameOf: kubernetesUpstreamName,
      }),
    );
    const { close } = discoverUpstreams;
    running.push({ waitingFor: () => discoverUpstreams.current?.waitingFor() ?? [], close });
  }
  if (consul !== undefined && components.has("xds")) {
    running.push(
      createConsulEndpointDiscovery({
        client: consul,
        upstreams,
        endpoints,
        failures,
        dataCenters: options?.dataCenters,
        dnsAddress: options?.dnsAddress || undefined,
        dnsPollingMs: options?.dnsPollingMs,
        rootKey,
        syncTimeout: WAIT_FOR_ENDPOINTS_MS,
      }),
    );
  } else {
    endpoints.markSynced();
  }
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= Promise.all(running.map((discovery) => discovery.close())).then(() => {}));
  return {
    waitingFor: () => running.flatMap((discovery) => discovery.waitingFor()),
    close,
    [Symbol.asyncDispose]: close,
  };
}
