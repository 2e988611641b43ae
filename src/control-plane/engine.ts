import { existsSync } from "node:fs";
import {
  GatewayKind,
  ProxyKind,
  RateLimitConfigKind,
  RefusalReportKind,
  RouteOptionKind,
  RouteTableKind,
  SecretKind,
  UpstreamGroupKind,
  UpstreamKind,
  VirtualHostOptionKind,
  VirtualServiceKind,
} from "../../generated/sdk/index.ts";
import { type Collection, createGraph, type Graph } from "../collections/index.ts";
import type { EndpointAddress, TranslationSettings } from "../envoy/index.ts";
import { gatewayCollections, type GatewaySettings } from "../gateway/index.ts";
import type { AnyKind, Resource, TranslationProblem } from "../resources/index.ts";
import { createStatusReporter, type WatchedSource } from "../snapshot/index.ts";
import type { Quarantine, XdsCache } from "../xds/index.ts";
import type { Component } from "./components.ts";
import { startDiscovery } from "./discovery-run.ts";
import { sendClustersFirst } from "./clusters-first.ts";
import { envoyGraph } from "./envoy-graph.ts";
import { openKubernetesSources } from "./kubernetes-sources.ts";
import { startLeaderRun } from "./leader-run.ts";
import type { Logger } from "./logger.ts";
import type { Storages } from "./open-storages.ts";
import { assembleProxies, type Fragments, persistProxies } from "./persist-proxies.ts";
import { saveCollection, savedListener, savedText, savedVirtualHost } from "./saved-state/last-good.ts";
import type { SavedState } from "./saved-state/saved-state.ts";
import type { VersionedCache } from "./envoy-versions/versioned-cache.ts";
import type { RefusalReports } from "./refusal-reports.ts";
import { holdFirstFlush } from "./first-flush.ts";
import { exchangeRefusals } from "./refusal-exchange.ts";
import { feedCache } from "./served-resource.ts";
import type { SettingsView } from "./settings/settings-view.ts";
import { shortCircuitProblems } from "./short-circuits.ts";
import { unknownEndpointProblems } from "./unknown-endpoints.ts";
import { unservedProblems } from "./unserved-kinds.ts";
import { openSources } from "./sources.ts";
import { type JudgedKind, statusGraph } from "./status-graph.ts";
import { writeStatuses } from "./status-writer.ts";
import type { ChangeTraces } from "./tracing/change-traces.ts";
import type { Traffic } from "./traffic.ts";
import { type ChangeJudge, createChangeJudge } from "./validation/judge-change.ts";
import { watchedNamespaces } from "./validation/watched-namespaces.ts";

/** From storage to cache, for one set of sources. A change of the sources takes a new engine on the same cache. */
export interface Engine {
  readonly graph: Graph;
  readonly fragments: Fragments;
  /** Why the cache isn't fed yet, or what is wrong with a source; empty: all is well. */
  waitingFor(): readonly string[];
  readonly fed: boolean;
  /** Whether this process writes statuses. */
  readonly leads: boolean;
  /** Takes over settings that need no other sources. */
  update(view: SettingsView): void;
  /** Says what a write would break. */
  readonly judge: ChangeJudge;
  /** Ends all watches and writes. The cache stays as it is. Idempotent. */
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly view: SettingsView;
  /** What the view names, open; closed with the engine. */
  readonly storages: Storages;
  readonly cache: XdsCache;
  readonly quarantine: Quarantine;
  readonly versions: VersionedCache;
  /** What proxies refuse, for the statuses. */
  readonly refusals: RefusalReports;
  readonly components: ReadonlySet<Component>;
  readonly logger: Logger;
  /** What an earlier process knew. */
  readonly saved: SavedState;
  /** The cache holds what an earlier process served, which sources without anything in them don't take away. */
  readonly keepIfEmpty: boolean;
  readonly traces: ChangeTraces;
  readonly traffic: Traffic;
}

export function startEngine({
  view,
  storages,
  cache,
  quarantine,
  versions,
  refusals,
  components,
  logger,
  saved,
  keepIfEmpty,
  traces,
  traffic,
}: EngineOptions): Engine {
  warnOfMissingFolders(view, logger);
  // What the first one takes over reaches the cache with the second, when routes are due: there it is traced.
  const first = holdFirstFlush((flush) => setImmediate(() => traces.derive(flush)), setImmediate);
  const graph = createGraph({
    schedule: first.schedule,
    onError: ({ collection, key, error }) =>
      logger.error({ collection, key, err: error }, `${collection} failed: ${error.message}`),
  });
  const leader = startLeaderRun({ view, storages, components, logger });
  const sources = openSources(graph, storages.config, view.watchNamespaces, logger, saved, traces);
  const translating = components.has("gateway");
  const serving = components.has("xds");
  const gatewaySettings = graph.value<GatewaySettings>("gateway-settings");
  const translationSettings = graph.value<TranslationSettings>("translation-settings");
  const warnShortCircuits = graph.value<boolean>("warn-short-circuits");
  const routesDue = graph.value<true>("routes-due");
  const update = (next: SettingsView): void => {
    warnShortCircuits.set(next.warnShortCircuits);
    gatewaySettings.set(next.gateway);
    translationSettings.set(next.translation);
  };
  update(view);

  const upstreams = sources.watch(UpstreamKind, serving || view.kubernetes?.upstreams === true);
  const upstreamGroups = sources.watch(UpstreamGroupKind, serving);
  const domainOwners = saved.section("domain owners", savedText);
  const addressOwners = saved.section("address owners", savedText);
  const inputs = {
    gateways: sources.watch(GatewayKind, translating),
    virtualServices: sources.watch(VirtualServiceKind, translating),
    routeTables: sources.watch(RouteTableKind, translating),
    virtualHostOptions: sources.watch(VirtualHostOptionKind, translating),
    routeOptions: sources.watch(RouteOptionKind, translating),
    proxies: sources.watch(ProxyKind, translating || serving),
    settings: gatewaySettings,
    lastOwners: { domains: domainOwners.get, addresses: addressOwners.get },
  };
  const fragments = gatewayCollections(graph, inputs);
  const endpoints = graph.source<readonly EndpointAddress[]>("endpoints");
  const kubernetes =
    storages.kubernetes && view.kubernetes && (serving || components.has("discovery"))
      ? openKubernetesSources(graph, {
          client: storages.kubernetes,
          namespaces: view.namespaceChoice ?? (view.watchNamespaces.length === 0 ? undefined : view.watchNamespaces),
          onlyIPv4: view.kubernetes.onlyIPv4,
          endpoints: serving,
          discovery: components.has("discovery") && view.kubernetes.upstreams,
        })
      : undefined;
  const lastListeners = saved.section("listeners", savedListener);
  const lastVirtualHosts = saved.section("virtual hosts", savedVirtualHost);
  const envoy = envoyGraph(graph, {
    listeners: fragments.listeners,
    idleListeners: fragments.idleListeners,
    virtualHosts: fragments.virtualHosts,
    upstreams,
    upstreamGroups,
    secrets: sources.secrets(storages.secrets, serving),
    unreadSecrets: sources.unreadSecrets,
    endpoints,
    settings: translationSettings,
    routesDue,
    consul: storages.consul !== undefined,
    kubernetes: kubernetes?.inputs,
    lastGood: { listener: lastListeners.get, virtualHost: lastVirtualHosts.get },
  });
  const endpointFailures = graph.source<string>("endpoint-failures");
  endpointFailures.markSynced();
  const rateLimitConfigs = sources.watch(RateLimitConfigKind, serving);
  const found = [
    unservedProblems(graph, rateLimitConfigs),
    unknownEndpointProblems(graph, endpointFailures),
    ...fragments.problems,
    shortCircuitProblems(graph, fragments.virtualHosts, warnShortCircuits),
    ...envoy.upstreamProblems,
  ];
  const stopSaving = [
    saveCollection(fragments.owners.domains, domainOwners, ({ owner }) => owner),
    saveCollection(fragments.owners.addresses, addressOwners, ({ owner }) => owner),
    saveCollection(envoy.listeners, lastListeners, (listener) => listener),
    saveCollection(envoy.virtualHosts, lastVirtualHosts, (virtualHost) => virtualHost),
  ];
  if (serving) kubernetes?.choosingAmongPods(envoy.upstreams);
  const discovery = startDiscovery({
    view,
    storages,
    leader,
    components,
    upstreams: envoy.upstreams,
    stored: sources.watched(UpstreamKind),
    services: kubernetes?.discovered,
    endpoints,
    failures: endpointFailures,
    logger,
  });

  const judged: JudgedKind[] = [
    ...(translating
      ? [
          gatewayKind(GatewayKind, inputs.gateways),
          { ...gatewayKind(VirtualServiceKind, inputs.virtualServices), mustBeServed: true },
          gatewayKind(RouteTableKind, inputs.routeTables),
          gatewayKind(VirtualHostOptionKind, inputs.virtualHostOptions),
          gatewayKind(RouteOptionKind, inputs.routeOptions),
        ]
      : []),
    ...(serving
      ? [
          glooKind(UpstreamKind, upstreams),
          glooKind(UpstreamGroupKind, upstreamGroups),
          glooKind(RateLimitConfigKind, rateLimitConfigs),
          glooKind(ProxyKind, inputs.proxies),
        ]
      : []),
  ];
  const refused = graph.source<readonly TranslationProblem[]>("refused-by-proxies");
  // Files are one process's own.
  const exchange =
    serving && view.config.type !== "directory"
      ? exchangeRefusals({
          ...{ quarantine, versions, logger, onChange: refusals.recount },
          client: storages.config.client(RefusalReportKind),
          namespace: view.writeNamespace,
        })
      : undefined;
  const stopReporting = refusals.attach(refused, exchange?.proxiesElsewhere);
  const statuses = statusGraph(graph, {
    kinds: judged,
    ownProblems: found,
    proxyProblems: serving ? [...envoy.proxyProblems, refused] : [],
    listeners: fragments.listeners,
    virtualHosts: fragments.virtualHosts,
  });
  const targets = [...statuses.values()].map((collection, index) => {
    const { kind } = judged[index] as JudgedKind;
    return {
      statuses: collection,
      client: leader.storage.client(kind),
      source: sources.watched(kind) as WatchedSource<Resource>,
    };
  });
  const reporter = createStatusReporter({ namespace: view.writeNamespace });
  const writing: { close(): Promise<void> }[] = [
    leader.whileLeader(() => writeStatuses(targets, reporter, logger, traffic.quiet)),
  ];
  if (translating && (view.persistProxies || !serving)) {
    const proxies = assembleProxies(graph, fragments);
    const client = leader.storage.client(ProxyKind);
    writing.push(leader.whileLeader(() => persistProxies(proxies, client, view.writeNamespace, logger)));
  }

  const namespaces = watchedNamespaces({
    names: view.watchNamespaces,
    choice: view.namespaceChoice,
    client: storages.kubernetes,
  });
  const judge = createChangeJudge({
    graph,
    problems: [...found, ...envoy.proxyProblems],
    sourceOf: (kind) => {
      if (kind.kind !== SecretKind.kind) return sources.watched(kind)?.collection;
      const native = storages.secrets[view.secrets.findIndex(({ type }) => type === "kubernetes")];
      return native && sources.secretsOf(native);
    },
    watches: namespaces.has,
  });
  let fed = !serving;
  const isHeld = (): boolean => keepIfEmpty && !fed && sources.isEmpty();
  // Before everything is read, emptiness says nothing.
  const isSuspicious = (): boolean => envoy.served.synced && isHeld();
  const onFed = (): void => {
    fed = true;
    kubernetes?.waitNoMore();
    sources.waitForSecretsNoMore();
    logger.info({ proxies: cache.keys().length - 1 }, "all sources are read: serving");
  };
  const feed = serving ? feedCache(envoy.served, cache, onFed, isHeld) : undefined;
  if (keepIfEmpty && serving && !fed) {
    // After the graph has taken over what has come.
    sources.onFilled(() => !fed && setImmediate(() => feed?.retry()));
    envoy.served.subscribe(() => isSuspicious() && logger.error({}, SUSPICIOUSLY_EMPTY), { initial: true });
  }

  let closing: Promise<void> | undefined;
  const beginRoutes = async (): Promise<void> => {
    try {
      if (serving && closing === undefined)
        await sendClustersFirst(cache, fragments.virtualHosts.list(), envoy.clusters);
    } catch (err) {
      // They come with the rest then.
      logger.error({ err }, "clusters could not be sent ahead of the routes");
    }
    routesDue.set(true);
  };
  void graph.settled().then(beginRoutes);
  sources.onceAnswered(first.release);
  return {
    graph,
    fragments,
    update,
    judge,
    get fed() {
      return fed;
    },
    get leads() {
      return leader.election.isLeader;
    },
    waitingFor: () => [
      ...(serving && isSuspicious() ? [SUSPICIOUSLY_EMPTY] : []),
      ...sources.waitingFor(),
      ...(kubernetes?.waitingFor() ?? []),
      ...discovery.waitingFor(),
    ],
    close() {
      closing ??= (async () => {
        first.release();
        feed?.stop();
        stopReporting();
        for (const stop of stopSaving) stop();
        await Promise.all([
          ...writing.map((it) => it.close()),
          discovery.close(),
          kubernetes?.close(),
          sources.close(),
          exchange?.close(),
          namespaces.close(),
        ]);
        await leader.close();
        await storages.close();
      })();
      return closing;
    },
  };
}

const SUSPICIOUSLY_EMPTY =
  "there is nothing at all in the sources, though something was served before the restart: that stays in force. " +
  "If the data is lost or not mounted, restore it; if it is meant, start once with --accept-empty";

const gatewayKind = (kind: AnyKind, resources: Collection<Resource>): JudgedKind => ({
  kind,
  resources,
  reportedBy: "gateway",
  mustBeServed: false,
});
const glooKind = (kind: AnyKind, resources: Collection<Resource>): JudgedKind => ({
  ...gatewayKind(kind, resources),
  reportedBy: "gloo",
});

/** A folder that isn't there is an empty one, which may be meant, or a typo: say so. */
function warnOfMissingFolders(view: SettingsView, logger: Logger): void {
  for (const source of [view.config, ...view.secrets, view.artifacts]) {
    // Secrets and artifacts are often not used at all.
    if (source.type !== "directory" || existsSync(source.directory)) continue;
    const text = `the folder ${source.directory} doesn't exist: it is watched, and counts as empty until it does`;
    if (source === view.config) logger.warn({ directory: source.directory }, text);
    else logger.debug({ directory: source.directory }, text);
  }
}
