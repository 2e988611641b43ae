import { LoadStatsRequest, LoadStatsResponse } from "../../../generated/envoy/envoy/service/load_stats/v3/lrs.ts";
import type { ClusterStats } from "../../../generated/envoy/envoy/config/endpoint/v3/load_report.ts";

/** What one client reported of one of its clusters, added up over its stream. */
export interface LoadReport {
  readonly node: string;
  /** Snapshot key. */
  readonly key: string;
  readonly cluster: string;
  readonly successful: number;
  readonly failed: number;
  readonly issued: number;
  /** By the client itself: overload, circuit breakers. */
  readonly dropped: number;
  /** When the last report came. */
  readonly inProgress: number;
  /** Milliseconds since the epoch. */
  readonly reportedAt: number;
}

/** What one report added. */
export type LoadIncrement = Pick<
  LoadReport,
  "node" | "key" | "cluster" | "successful" | "failed" | "issued" | "dropped"
>;

/** A request can't be taken; the text says why. */
export class InvalidLoadReport extends Error {
  override readonly name = "InvalidLoadReport";
}

/** One stream of a client that reports its load (LoadReportingService). */
export interface LoadStream {
  /**
   * Takes a report. Returns the answer to the first one: which clusters to report, and how often.
   * @throws InvalidLoadReport
   */
  receive(bytes: Uint8Array): Buffer | undefined;
  reports(): readonly LoadReport[];
}

export interface LoadStreamOptions {
  readonly intervalMs: number;
  keyOf(node: NonNullable<LoadStatsRequest["node"]>): string;
  /** Of clients that can't report all clusters without having them named. */
  clusterNames(key: string): readonly string[];
  onReport(increment: LoadIncrement): void;
}

/** Reports are kept for people to look at: of a client that makes up clusters, so many are. */
const MAX_CLUSTERS = 10_000;

export function createLoadStream(options: LoadStreamOptions): LoadStream {
  const reports = new Map<string, LoadReport>();
  let client: { readonly node: string; readonly key: string } | undefined;

  function add(stats: ClusterStats, { node, key }: NonNullable<typeof client>): void {
    const cluster = stats.clusterName;
    const sum = (field: SummedField): number =>
      stats.upstreamLocalityStats.reduce((total, it) => total + Number(it[field]), 0);
    const increment = {
      ...{ node, key, cluster },
      successful: sum("totalSuccessfulRequests"),
      failed: sum("totalErrorRequests"),
      issued: sum("totalIssuedRequests"),
      dropped: Number(stats.totalDroppedRequests),
    };
    const before = reports.get(cluster);
    if (before === undefined && reports.size >= MAX_CLUSTERS) return;
    reports.set(cluster, {
      ...increment,
      successful: increment.successful + (before?.successful ?? 0),
      failed: increment.failed + (before?.failed ?? 0),
      issued: increment.issued + (before?.issued ?? 0),
      dropped: increment.dropped + (before?.dropped ?? 0),
      inProgress: sum("totalRequestsInProgress"),
      reportedAt: Date.now(),
    });
    options.onReport(increment);
  }

  return {
    receive(bytes) {
      const request = decode(bytes);
      const first = client === undefined;
      if (client === undefined) {
        if (request.node === undefined)
          throw new InvalidLoadReport("node is missing from the first request of the stream");
        client = { node: request.node.id, key: options.keyOf(request.node) };
      }
      for (const stats of request.clusterStats) add(stats, client);
      if (!first) return undefined;
      const sendAllClusters = request.node?.clientFeatures.includes("envoy.lrs.supports_send_all_clusters") === true;
      const response = {
        ...LoadStatsResponse.fromPartial({ sendAllClusters }),
        clusters: sendAllClusters ? [] : options.clusterNames(client.key),
        loadReportingInterval: {
          seconds: BigInt(Math.floor(options.intervalMs / 1000)),
          nanos: (options.intervalMs % 1000) * 1_000_000,
        },
      };
      return Buffer.from(LoadStatsResponse.encode(response).finish());
    },
    reports: () => [...reports.values()],
  };
}

type SummedField = "totalSuccessfulRequests" | "totalErrorRequests" | "totalIssuedRequests" | "totalRequestsInProgress";

function decode(bytes: Uint8Array): LoadStatsRequest {
  try {
    return LoadStatsRequest.decode(bytes);
  } catch (error) {
    throw new InvalidLoadReport(
      `the request is no load report: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
