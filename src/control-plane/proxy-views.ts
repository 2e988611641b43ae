import { type QuarantinedContent, type StreamState, typeUrls } from "../xds/index.ts";
import type { DebugSources, DebugView } from "./debug-views.ts";

/** What `/debug/proxies` says of one connected proxy. Names and versions; content never, since it may be secret. */
export interface ProxyReport {
  /** Node id. */
  readonly id: string;
  readonly role: string;
  readonly address: string;
  readonly mode: "sotw" | "delta";
  readonly envoyVersion: string;
  readonly connectedAt: string;
  /** It reads slower than it is written to. */
  readonly blocked: boolean;
  readonly types: readonly ProxyTypeReport[];
}

export interface ProxyTypeReport {
  /** Short, such as `CDS`, where it is one of Envoy's. */
  readonly type: string;
  readonly typeUrl: string;
  /** `refused`: it isn't given something as it is served, since it, or others, refuse that. */
  readonly state: "synced" | "stale" | "refused" | "not sent";
  /** Of the newest response, and of the newest accepted one. */
  readonly sent: string | undefined;
  readonly acked: string | undefined;
  /** For how long the oldest unanswered response has waited. */
  readonly lagMs: number;
  readonly count: number;
  readonly resources: readonly ProxyResourceReport[];
}

export interface ProxyResourceReport {
  readonly name: string;
  /** As the control plane has it; undefined: not at all. */
  readonly served: string | undefined;
  /** What this proxy is given of it; undefined: nothing. */
  readonly given: string | undefined;
  readonly state: "synced" | "stale" | "refused" | "not sent" | "removing";
  /** Why it is refused. */
  readonly reason?: string | undefined;
}

export interface ProxySources extends Pick<DebugSources, "cache" | "streams"> {
  readonly quarantine: { list(): QuarantinedContent[] };
}

/** `/debug/proxies`, and with `?proxyID=<node id>` each of that proxy's resources. */
export function proxiesView({ cache, quarantine, streams }: ProxySources): DebugView {
  return (query) => {
    const wanted = query.get("proxyID");
    const found = streams().filter(
      ({ node, key }) => node !== undefined && key !== undefined && (wanted === null || node.id === wanted),
    );
    // A proxy that opens a stream for each type is one.
    const proxies = Map.groupBy(found, ({ node, key, peer }) => JSON.stringify([key, node?.id, peer]));
    const refused = quarantine.list();
    return { proxies: [...proxies.values()].map((group) => report(group, wanted !== null)) };

    function report(group: readonly StreamState[], whole: boolean): ProxyReport {
      const [first] = group as [StreamState, ...StreamState[]];
      const { node, key = "", peer, mode, openedAt } = first;
      const served = new Map(cache.dump(key).map(({ typeUrl, resources }) => [typeUrl, resources]));
      return {
        ...{ id: node?.id ?? "", role: key, address: peer, mode, envoyVersion: node?.userAgentVersion ?? "" },
        connectedAt: new Date(openedAt).toISOString(),
        blocked: group.some(({ blocked }) => blocked),
        types: group
          .flatMap(({ types }) => types)
          .map((type) => typeReport(type, served.get(type.typeUrl) ?? {}, whole)),
      };

      function typeReport(
        type: StreamState["types"][number],
        current: Readonly<Record<string, string>>,
        all: boolean,
      ): ProxyTypeReport {
        const instead = new Map(type.quarantined.map(({ name, given }) => [name, given]));
        const late = new Set([...type.unanswered, ...type.unsent]);
        const names = new Set([...(type.wildcard ? Object.keys(current) : []), ...type.names, ...type.held]);
        const resources = [...names].map((name): ProxyResourceReport => {
          const given = instead.has(name) ? instead.get(name) : current[name];
          const base = { name, served: current[name], given };
          if (instead.has(name)) return { ...base, state: "refused", reason: reasonOf(type.typeUrl, name) };
          if (type.sent === undefined) return { ...base, state: "not sent" };
          if (type.held.includes(name)) return { ...base, state: "removing" };
          return { ...base, state: late.has(name) ? "stale" : "synced" };
        });
        const { sent, acked, lagMs } = type;
        const state =
          instead.size > 0 || type.nacked !== undefined
            ? "refused"
            : sent === undefined
              ? "not sent"
              : type.outstanding > 0 || type.unsent.length > 0
                ? "stale"
                : "synced";
        const count = resources.filter(({ given }) => given !== undefined).length;
        return {
          type: shortTypes.get(type.typeUrl) ?? type.typeUrl,
          typeUrl: type.typeUrl,
          state,
          sent,
          acked,
          lagMs,
          count,
          resources: all ? resources : resources.filter((it) => it.state === "refused"),
        };
      }

      function reasonOf(typeUrl: string, name: string): string {
        const contents = refused.filter(
          (it) => it.servedAs.includes(key) && it.typeUrl === typeUrl && it.name === name,
        );
        const own = contents.flatMap(({ refusals }) => refusals).find((refusal) => refusal.node === node?.id);
        return own?.message ?? contents[0]?.refusals[0]?.message ?? "other proxies refused it";
      }
    }
  };
}

const shortTypes: ReadonlyMap<string, string> = new Map([
  [typeUrls.cluster, "CDS"],
  [typeUrls.endpoint, "EDS"],
  [typeUrls.listener, "LDS"],
  [typeUrls.scopedRoute, "SRDS"],
  [typeUrls.route, "RDS"],
  [typeUrls.virtualHost, "VHDS"],
  [typeUrls.secret, "SDS"],
  [typeUrls.runtime, "RTDS"],
  [typeUrls.extensionConfig, "ECDS"],
]);
