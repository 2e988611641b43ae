import { type LoadReport, type StreamState, type TypeStreamState, typeUrls, type XdsCache } from "../xds/index.ts";

/** What `/debug/<name>` answers to a query, or a promise of it. */
export type DebugView = (query: URLSearchParams) => unknown;

export interface DebugSources {
  readonly cache: XdsCache;
  streams(): StreamState[];
  loadReports(): LoadReport[];
}

/**
 * The views of connected proxies that Istio's pilot has, by the same names: `adsz` (all types) and one for clusters, endpoints, listeners, scopes
 * and routes; and `loadz`, the load that proxies report. With `?proxyID=<node id>` they are of one proxy, and then tell each resource and its version. Never content: it may be secret.
 */
export function debugViews({ cache, streams, loadReports }: DebugSources): Readonly<Record<string, DebugView>> {
  const clients = (query: URLSearchParams): StreamState[] => {
    const proxyId = query.get("proxyID");
    return streams().filter(({ node }) => proxyId === null || node?.id === proxyId);
  };

  function given(stream: StreamState, type: TypeStreamState): Record<string, string> {
    const served = cache.dump(stream.key ?? "").find(({ typeUrl }) => typeUrl === type.typeUrl)?.resources ?? {};
    const names = type.wildcard ? Object.keys(served) : type.names.filter((name) => served[name] !== undefined);
    const instead = new Map(type.quarantined.map((it) => [it.name, it.given]));
    return Object.fromEntries(
      names.flatMap((name) => {
        const version = instead.has(name) ? instead.get(name) : served[name];
        return version === undefined ? [] : [[name, version]];
      }),
    );
  }

  const ofType =
    (typeUrl: string): DebugView =>
    (query) => ({
      clients: clients(query).flatMap((stream) =>
        stream.types
          .filter((type) => type.typeUrl === typeUrl)
          .map((type) => {
            const { sent, acked, nacked, outstanding, held, quarantined } = type;
            const resources = given(stream, type);
            return {
              ...connection(stream),
              ...{ sent, acked, nacked, outstanding, held, quarantined, count: Object.keys(resources).length },
              ...(query.has("proxyID") && { resources }),
            };
          }),
      ),
    });

  return {
    adsz(query) {
      const found = clients(query);
      return {
        totalClients: found.length,
        clients: found.map((stream) => ({
          ...connection(stream),
          address: stream.peer,
          mode: stream.mode,
          version: stream.node?.userAgentVersion,
          blocked: stream.blocked,
          watches: Object.fromEntries(
            stream.types.map(({ typeUrl, wildcard, names }) => [typeUrl, wildcard ? ["*", ...names] : names]),
          ),
        })),
      };
    },
    cdsz: ofType(typeUrls.cluster),
    edsz: ofType(typeUrls.endpoint),
    ldsz: ofType(typeUrls.listener),
    rdsz: ofType(typeUrls.route),
    srdsz: ofType(typeUrls.scopedRoute),
    loadz(query) {
      const proxyId = query.get("proxyID");
      return { reports: loadReports().filter(({ node }) => proxyId === null || node === proxyId) };
    },
  };
}

/** Which proxy, and since when. */
function connection({ id, node, key, openedAt }: StreamState) {
  return {
    connectionId: `${node?.id ?? ""}-${id}`,
    proxyID: node?.id,
    proxy: key,
    connectedAt: new Date(openedAt).toISOString(),
  };
}
