import {
  createXdsServer,
  openXdsSecurity,
  type LoadReport,
  type Quarantine,
  type StreamState,
  type XdsCache,
  type XdsEvents,
  type XdsMetrics,
  type XdsSecurity,
  type XdsSecurityFiles,
  type XdsServer,
  type XdsServerOptions,
} from "../xds/index.ts";
import type { Logger } from "./logger.ts";
import { FALLBACK_KEY } from "./served-resource.ts";
import { formatHostPort, type HostPort, isLoopback } from "./settings/host-port.ts";
import type { XdsView } from "./settings/xds-view.ts";

/** The xDS server as the settings want it, which may change while it runs. */
export interface XdsFrontend {
  readonly address: HostPort | undefined;
  readonly metrics: XdsMetrics | undefined;
  streams(): StreamState[];
  loadReports(): LoadReport[];
  /**
   * Goes by the view: at another address a new server takes over, and what secures connections holds from now on. Nothing happens where nothing differs.
   * @throws `unavailable` or `invalid`; the server then stays as it was
   */
  listen(view: XdsView): Promise<void>;
  close(): Promise<void>;
}

export function createXdsFrontend(
  cache: XdsCache,
  quarantine: Quarantine,
  logger: Logger,
  events: XdsEvents,
  variantKey: NonNullable<XdsServerOptions["variantKey"]>,
): XdsFrontend {
  let server: XdsServer | undefined;
  let current: XdsView | undefined;
  let started: XdsView | undefined;
  let address: HostPort | undefined;
  let files: XdsSecurityFiles | undefined;
  let stopListening: (() => void) | undefined;
  const listeners = new Set<() => void>();
  const changed = (): void => listeners.forEach((listener) => listener());
  const security: XdsSecurity = {
    get tls() {
      return files?.tls;
    },
    get authorizer() {
      return files?.authorizer;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };

  function use(next: XdsSecurityFiles): void {
    stopListening?.();
    files?.close();
    files = next;
    stopListening = next.subscribe?.(changed);
    changed();
  }

  /** At the new address, beside the one in use. */
  async function openServer({ address: { host, port }, server: options, batching }: XdsView): Promise<void> {
    const next = createXdsServer({
      cache,
      quarantine,
      snapshotKey: ({ metadata }) => {
        const role = metadata?.["role"];
        return typeof role === "string" && role !== "" ? role : undefined;
      },
      fallbackKey: FALLBACK_KEY,
      variantKey,
      host,
      port,
      identifier: "epoxy",
      ...options,
      batching,
      security,
      // The settings were judged already.
      plaintext: true,
      events,
      logger,
    });
    try {
      address = await next.listen();
    } catch (error) {
      await next.close();
      throw error;
    }
    const previous = server;
    server = next;
    await previous?.close();
  }

  return {
    get address() {
      return address;
    },
    get metrics() {
      return server?.metrics;
    },
    streams: () => server?.streams() ?? [],
    loadReports: () => server?.loadReports() ?? [],
    async listen(view) {
      if (JSON.stringify(view) === JSON.stringify(current)) return;
      const next = await openXdsSecurity({ ...view, logger });
      const previous = files;
      try {
        if (current?.address.host !== view.address.host || current.address.port !== view.address.port) {
          // Nobody gets in before the new rules hold.
          files = next;
          await openServer(view);
          started = view;
        }
      } catch (error) {
        files = previous;
        next.close();
        throw error;
      }
      files = previous;
      use(next);
      server?.setBatching(view.batching);
      current = view;
      announce(view);
      if (JSON.stringify(view.server) !== JSON.stringify(started?.server)) {
        logger.warn({}, "changed limits and times of gloo.xds hold from the next start on");
      }
    },
    async close() {
      stopListening?.();
      files?.close();
      await server?.close();
    },
  };

  function announce({ tls, clients }: XdsView): void {
    const place = address === undefined ? "" : formatHostPort(address);
    const how = tls === undefined ? "in plain text" : tls.clientCaFile === undefined ? "over TLS" : "over mutual TLS";
    logger.info({ address: place, clientRules: clients.length }, `xDS is served at ${place} ${how}`);
    if (tls === undefined && address !== undefined && !isLoopback(address.host)) {
      logger.warn({ address: place }, "xDS is served in plain text beyond this machine: keep the network private");
    }
  }
}
