import {
  createXdsServer,
  type Quarantine,
  type StreamState,
  type XdsCache,
  type XdsEvents,
  type XdsMetrics,
  type XdsServer,
} from "../xds/index.ts";
import type { Logger } from "./logger.ts";
import { FALLBACK_KEY } from "./served-resource.ts";
import { formatHostPort, type HostPort, isLoopback } from "./settings/host-port.ts";

/** The xDS server at the address that the settings say, which may change while it runs. */
export interface XdsFrontend {
  readonly address: HostPort | undefined;
  readonly metrics: XdsMetrics | undefined;
  streams(): StreamState[];
  /** Moves to an address; nothing happens if it is the one in use. @throws `unavailable`; the server then stays where it was */
  listen(address: HostPort): Promise<void>;
  close(): Promise<void>;
}

export function createXdsFrontend(
  cache: XdsCache,
  quarantine: Quarantine,
  logger: Logger,
  events: XdsEvents,
): XdsFrontend {
  let server: XdsServer | undefined;
  let asked: HostPort | undefined;
  let address: HostPort | undefined;
  return {
    get address() {
      return address;
    },
    get metrics() {
      return server?.metrics;
    },
    streams: () => server?.streams() ?? [],
    async listen(wanted) {
      if (asked?.host === wanted.host && asked.port === wanted.port) return;
      const next = createXdsServer({
        cache,
        quarantine,
        snapshotKey: ({ metadata }) => {
          const role = metadata?.["role"];
          return typeof role === "string" && role !== "" ? role : undefined;
        },
        fallbackKey: FALLBACK_KEY,
        host: wanted.host,
        port: wanted.port,
        identifier: "epoxy",
        events,
        logger,
      });
      try {
        address = await next.listen();
      } catch (error) {
        await next.close();
        throw error;
      }
      asked = wanted;
      const previous = server;
      server = next;
      logger.info({ address: formatHostPort(address) }, `xDS is served at ${formatHostPort(address)}`);
      if (!isLoopback(wanted.host)) {
        logger.warn(
          { address: formatHostPort(address) },
          "xDS is served in plain text beyond this machine: keep the network private",
        );
      }
      await previous?.close();
    },
    close: async () => server?.close(),
  };
}
