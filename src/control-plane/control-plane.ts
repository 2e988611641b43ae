import { join } from "node:path";
import type { Tracer } from "@opentelemetry/api";
import { SettingsKind, SettingsType } from "../../generated/sdk/index.ts";
import type { Status } from "../../generated/proto/epoxy/core/v1/status.ts";
import type { Settings } from "../../generated/proto/epoxy/gloo/v1/settings.ts";
import { fallbackSnapshot } from "../envoy/index.ts";
import type { KubernetesOptions } from "../kubernetes/index.ts";
import { type Ref, refText } from "../resources/index.ts";
import { statusOfReport } from "../snapshot/index.ts";
import type { Storage } from "../storage/index.ts";
import { createFileStorage } from "../storage/file/index.ts";
import { createKubernetesStorage } from "../storage/kubernetes/index.ts";
import { createQuarantine, createXdsCache, resourceFromBytes, typeUrls, type XdsCache } from "../xds/index.ts";
import { type AdminServer, type Readiness, startAdminServer } from "./admin-server.ts";
import { type Component, components as allComponents } from "./components.ts";
import { debugViews } from "./debug-views.ts";
import { type Engine, startEngine } from "./engine.ts";
import { createVersionedCache } from "./envoy-versions/versioned-cache.ts";
import { type Logger, silentLogger } from "./logger.ts";
import { mergeEvents } from "./merge-events.ts";
import { createMetrics } from "./metrics.ts";
import { openStorages } from "./open-storages.ts";
import { contentsView } from "./contents-view.ts";
import { proxiesView } from "./proxy-views.ts";
import { reportRefusals } from "./refusal-reports.ts";
import { savedCache } from "./saved-state/saved-cache.ts";
import { saveQuarantine } from "./saved-state/saved-quarantine.ts";
import { noSavedState, openSavedState } from "./saved-state/saved-state.ts";
import { servedProxiesView } from "./served-proxies.ts";
import { FALLBACK_KEY } from "./served-resource.ts";
import type { HostPort } from "./settings/host-port.ts";
import { notHonoured, notHonouredText } from "./settings/not-honoured.ts";
import { type SettingsView, viewSettings } from "./settings/settings-view.ts";
import { DEFAULT_NAMESPACE } from "./settings/source-view.ts";
import { checkXds, type XdsOverrides } from "./settings/xds-view.ts";
import { type ChangeTraces, noTraces } from "./tracing/change-traces.ts";
import { observeTraffic } from "./traffic.ts";
import { allInKubernetes } from "./settings/all-in-kubernetes.ts";
import { watchSettings } from "./settings/watch-settings.ts";
import { createWebhookRun } from "./validation/webhook-run.ts";
import { createXdsFrontend, type XdsFrontend } from "./xds-frontend.ts";

export interface ControlPlaneOptions {
  /** Folder with `<namespace>/<name>.yaml`, the Settings, and, unless these say otherwise, with the resources. */
  readonly dataDirectory: string;
  /** Of the Settings. Default: `gloo-system` and `default`. */
  readonly settings?: Partial<Ref> | undefined;
  /** Default: all. */
  readonly components?: readonly Component[] | undefined;
  /** Overrides `gloo.xdsBindAddr`. */
  readonly xdsAddress?: HostPort | undefined;
  /** Overrides `gloo.xds`. */
  readonly xds?: Omit<XdsOverrides, "address"> | undefined;
  /** Where health, metrics and debug pages are; undefined: nowhere. */
  readonly adminAddress?: HostPort | undefined;
  /**
   * Where the Settings are; default `directory`. In `kubernetes`, all else is there, too, unless they say otherwise, and the data directory
   * holds at most files that they name.
   */
  readonly settingsIn?: "directory" | "kubernetes" | undefined;
  /** Which cluster, where Kubernetes is used. Default: that of the kubeconfig or the Pod. */
  readonly kubernetes?: KubernetesOptions | undefined;
  /** Where the validating webhook listens, if the Settings have `gateway.validation`. Default 0.0.0.0:8443. */
  readonly webhookAddress?: HostPort | undefined;
  readonly logger?: Logger | undefined;
  /**
   * Folder of what this process keeps for its next start: what it served, and who had which domain; no secrets. Each process has to
   * have its own. false: none. Default: `.epoxy/state` in the data directory, with the components if these aren't all.
   */
  readonly stateDirectory?: string | false | undefined;
  /**
   * true: sources without anything in them are taken at their word, though something was served before the restart. Default: that stays in force
   * until there is something, since the data may be lost or not mounted.
   */
  readonly acceptEmpty?: boolean | undefined;
  /** Gets a trace of each change, from the storage to the proxies' answers. Default: none is made. */
  readonly tracer?: Tracer | undefined;
}

/** A running control plane. */
export interface ControlPlane extends AsyncDisposable {
  /** Undefined where this process doesn't serve xDS. */
  readonly xdsAddress: HostPort | undefined;
  readonly adminAddress: HostPort | undefined;
  /** Undefined where nothing is validated, or no certificate is there yet. */
  readonly webhookAddress: HostPort | undefined;
  readiness(): Readiness;
  /** Ends everything. Proxies keep their configuration. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts a control plane: Settings, storages, translation, xDS and the admin server. It is running when this resolves, though not
 * necessarily ready: sources that are down are waited for.
 * @throws `invalid` if the settings that are there at the start can't be used, `unavailable` if an address can't be had
 */
export async function createControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const logger = options.logger ?? silentLogger;
  const active = new Set(options.components ?? allComponents);
  const ref: Ref = { namespace: DEFAULT_NAMESPACE, name: "default", ...options.settings };
  const versions = createVersionedCache(createXdsCache());
  const served = versions.cache;
  const fallback = fallbackSnapshot();
  served.apply(FALLBACK_KEY, {
    upsert: [resourceFromBytes(typeUrls.listener, fallback.listener.name, fallback.bytes)],
    complete: true,
  });
  const folder = options.stateDirectory ?? defaultStateDirectory(options.dataDirectory, active);
  const traffic = observeTraffic();
  const saved = folder === false ? noSavedState : await openSavedState({ folder, logger, quiet: traffic.quiet });
  const { cache, restored, serveRestored } = savedCache(served, saved);
  const inKubernetes = options.settingsIn === "kubernetes";
  const settingsStorage = inKubernetes
    ? createKubernetesStorage({ ...options.kubernetes })
    : createFileStorage({ directory: options.dataDirectory, folder: () => "" });
  const closing = new AbortController();
  let engine: Engine | undefined;
  let frontend: XdsFrontend | undefined;
  let admin: AdminServer | undefined;
  let view: SettingsView | undefined;
  /** Why the settings can't be read. */
  let unreadable: string | undefined;
  const first = Promise.withResolvers<void>();

  const { roleOf } = versions.roles;
  const quarantine = createQuarantine(cache, {
    roles: versions.roles,
    onCanaryOverdue: ({ key, typeUrl, name, node }) =>
      logger.warn(
        { proxy: key, typeUrl, resource: name, node },
        `${node} was to try ${name} first and hasn't answered in time: the other proxies of ${key} get it, too`,
      ),
  });
  const traces = await openTraces(options.tracer, roleOf);
  const stopSaving = saveQuarantine(quarantine, cache, saved, versions.roles);
  const refusals = reportRefusals({
    quarantine,
    streams: () => frontend?.streams() ?? [],
    withheld: versions.withheld,
    roleOf,
    logger,
  });
  versions.onChange(refusals.recount);
  const metrics = createMetrics({
    ...{ cache, quarantine },
    xds: () => frontend?.metrics,
    leads: () => engine?.leads,
    streams: () => frontend?.streams() ?? [],
    roleOf,
  });

  const webhook = createWebhookRun({
    address: options.webhookAddress ?? DEFAULT_WEBHOOK_ADDRESS,
    judge: () => engine?.judge,
    onAnswer: metrics.validated,
    settings: ref,
    logger,
  });

  const observed: XdsCache = {
    ...cache,
    apply(key, change) {
      metrics.changed(key, change);
      traffic.changed();
      // What goes ahead is traced with the change that makes it complete.
      if (change.ahead !== undefined) cache.apply(key, change);
      else traces.apply(key, change, () => cache.apply(key, change));
    },
  };

  async function apply(given: Settings | undefined): Promise<void> {
    const settings = inKubernetes ? allInKubernetes(given) : given;
    const next = viewSettings(settings, options.dataDirectory, { ...options.xds, address: options.xdsAddress });
    quarantine.setCanaryTimeout(next.canaryMs);
    if (active.has("xds")) {
      checkXds(next.xds);
      const events = mergeEvents([metrics.xdsEvents, refusals.xdsEvents, traces.xdsEvents, traffic.xdsEvents]);
      frontend ??= createXdsFrontend(cache, quarantine, logger, events, versions.keyFor);
      await frontend.listen(next.xds);
    }
    if (engine !== undefined && view !== undefined && sameSources(view, next)) {
      engine.update(next);
    } else {
      // First what can fail: with settings that can't be used the engine goes on as it is.
      const storages = openStorages(next, options.kubernetes);
      await engine?.close();
      engine = startEngine({
        view: next,
        storages,
        cache: observed,
        quarantine,
        versions,
        refusals,
        components: active,
        logger,
        saved,
        traces,
        traffic,
        // Later engines: other sources were asked for.
        keepIfEmpty: engine === undefined && restored.length > 0 && options.acceptEmpty !== true,
      });
    }
    view = next;
    await webhook.update(active.has("gateway") ? next.validation : undefined);
  }

  async function onSettings(settings: Settings | undefined): Promise<void> {
    const warnings = settings === undefined ? [] : notHonoured(SettingsType, settings).map(notHonouredText);
    for (const warning of warnings) logger.warn({ settings: refText(ref) }, warning);
    if (settings === undefined) logger.info({}, `no settings ${refText(ref)}: using the embedded defaults`);
    try {
      await apply(settings);
      // It runs. The status is a file, which waits for the disk.
      first.resolve();
      await reportSettings(settingsStorage, ref, settings, { errors: [], warnings }, logger);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (engine === undefined) throw error;
      logger.error(
        { settings: refText(ref), err: error },
        `the settings can't be put in force, the last good ones stay: ${message}`,
      );
      await reportSettings(settingsStorage, ref, settings, { errors: [message], warnings }, logger);
    }
  }

  const readiness = (): Readiness => {
    const reasons = [...(unreadable === undefined ? [] : [unreadable]), ...(engine?.waitingFor() ?? [])];
    const ready = engine?.fed === true;
    if (ready || reasons.length > 0) return { ready, reasons };
    return { ready, reasons: [engine === undefined ? "the settings aren't read yet" : "starting"] };
  };

  let closed: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closed ??= (async () => {
      closing.abort();
      await watching?.catch(() => {});
      refusals.close();
      stopSaving();
      await Promise.all([frontend?.close(), engine?.close(), admin?.close(), webhook.close()]);
      traces.close();
      await settingsStorage.close();
      clearTimeout(patience);
      await saved.close();
    })());

  const patience = setTimeout(() => {
    if (restored.length === 0 || engine?.fed === true) return;
    logger.warn(
      { proxies: restored.length, waitingFor: engine?.waitingFor() },
      "the sources aren't read yet: serving what was served before the restart",
    );
    serveRestored();
  }, PATIENCE_MS).unref();

  let watching: Promise<void> | undefined;
  try {
    if (options.adminAddress !== undefined) {
      admin = await startAdminServer({
        address: options.adminAddress,
        readiness,
        metrics: metrics.render,
        debug: {
          proxies: proxiesView({ cache, quarantine, streams: () => frontend?.streams() ?? [] }),
          contents: contentsView({ cache, streams: () => frontend?.streams() ?? [] }),
          ...debugViews({
            cache,
            streams: () => frontend?.streams() ?? [],
            loadReports: () => frontend?.loadReports() ?? [],
          }),
          "served-proxies": servedProxiesView(() => engine?.fragments),
          collections: (query) => engine?.graph.dump({ collection: query.get("name") ?? undefined }) ?? {},
          xds: () => ({
            snapshots: Object.fromEntries(cache.keys().map((key) => [key, cache.dump(key)])),
            streams: frontend?.streams() ?? [],
            quarantine: quarantine.list(),
            withheld: versions.withheld(),
          }),
        },
      });
    }
    watching = watchSettings(
      settingsStorage.client(SettingsKind),
      ref,
      logger,
      onSettings,
      closing.signal,
      (problem) => {
        unreadable = problem;
      },
    );
    watching.catch(first.reject);
    await first.promise;
  } catch (error) {
    await close();
    throw error;
  }
  return {
    get xdsAddress() {
      return frontend?.address;
    },
    adminAddress: admin?.address,
    get webhookAddress() {
      return webhook.address;
    },
    readiness,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** All addresses, since it is the API server that connects; the port of Gloo's webhook. */
const DEFAULT_WEBHOOK_ADDRESS: HostPort = { host: "0.0.0.0", port: 8443 };

/**
 * Milliseconds for which the sources may be read before what was served in an earlier life is served instead: it may be older than what another
 * control plane has told the proxies meanwhile.
 */
const PATIENCE_MS = 1_000;

function defaultStateDirectory(dataDirectory: string, components: ReadonlySet<Component>): string {
  const isWhole = allComponents.every((component) => components.has(component));
  return join(dataDirectory, ".epoxy", isWhole ? "state" : `state-${[...components].toSorted().join("-")}`);
}

/** Loads what makes traces only where somebody asked for them. */
async function openTraces(tracer: Tracer | undefined, roleOf: (key: string) => string): Promise<ChangeTraces> {
  if (tracer === undefined) return noTraces;
  const { traceChanges } = await import("./tracing/trace-changes.ts");
  return traceChanges({ tracer, roleOf });
}

/** Whether two views read the same things in the same way, so that the engine can go on. */
function sameSources(a: SettingsView, b: SettingsView): boolean {
  const relevant = (view: SettingsView) => {
    const { gateway, translation, xds, validation, warnShortCircuits, canaryMs, ...sources } = view;
    return sources;
  };
  return JSON.stringify(relevant(a)) === JSON.stringify(relevant(b));
}

/** Writes the verdict on the settings into their status; that it can't be written is no reason to stop. */
async function reportSettings(
  storage: Storage,
  ref: Ref,
  settings: Settings | undefined,
  report: { readonly errors: readonly string[]; readonly warnings: readonly string[] },
  logger: Logger,
): Promise<void> {
  if (settings === undefined) return;
  const status: Status = statusOfReport({ ...report, messages: [] }, { reportedBy: "gloo" });
  try {
    await storage.client(SettingsKind).writeStatus(ref, settings.discoveryNamespace || DEFAULT_NAMESPACE, status);
  } catch (error) {
    logger.warn(
      { err: error },
      `the status of the settings can't be written: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
