import { LoadStatsResponse } from "../../../generated/envoy/envoy/service/load_stats/v3/lrs.ts";
import type { XdsNode } from "../wire.ts";
import { type ClusterLoad, readLoadReport } from "./read-load-report.ts";

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
  /** About so many bytes of what the client sent are remembered. */
  readonly retainedBytes: number;
}

export interface LoadStreamOptions {
  readonly intervalMs: number;
  keyOf(node: XdsNode): string;
  /** Of clients that can't report all clusters without having them named. */
  clusterNames(key: string): readonly string[];
  onReport(increment: LoadIncrement): void;
}

/** Reports are kept for people to look at: of a client that makes up clusters, so many are. */
const MAX_CLUSTERS = 10_000;
/** In characters; longer ones serve no people. */
const MAX_NAME = 1024;
/** What a report takes beside the cluster's name. */
const CLUSTER_BYTES = 300;

export function createLoadStream(options: LoadStreamOptions): LoadStream {
  const reports = new Map<string, LoadReport>();
  let retainedBytes = 0;
  let client: { readonly node: string; readonly key: string } | undefined;

  function add(load: ClusterLoad, { node, key }: NonNullable<typeof client>): void {
    const { cluster, inProgress, ...counts } = load;
    const before = reports.get(cluster);
    if (before === undefined) {
      if (reports.size >= MAX_CLUSTERS || cluster.length > MAX_NAME) return;
      retainedBytes += CLUSTER_BYTES + cluster.length;
    }
    reports.set(cluster, {
      ...{ node, key, cluster },
      successful: counts.successful + (before?.successful ?? 0),
      failed: counts.failed + (before?.failed ?? 0),
      issued: counts.issued + (before?.issued ?? 0),
      dropped: counts.dropped + (before?.dropped ?? 0),
      inProgress,
      reportedAt: Date.now(),
    });
    options.onReport({ node, key, cluster, ...counts });
  }

  return {
    receive(bytes) {
      const { node, clusters } = decode(bytes);
      const first = client === undefined;
      if (client === undefined) {
        if (node === undefined) throw new InvalidLoadReport("node is missing from the first request of the stream");
        if (node.id.length > MAX_NAME) throw new InvalidLoadReport(`node.id is longer than ${MAX_NAME} characters`);
        client = { node: node.id, key: options.keyOf(node) };
        retainedBytes += node.id.length + client.key.length;
      }
      for (const load of clusters) add(load, client);
      if (!first) return undefined;
      const sendAllClusters = node?.clientFeatures.includes("envoy.lrs.supports_send_all_clusters") === true;
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
    get retainedBytes() {
      return retainedBytes;
    },
  };
}

function decode(bytes: Uint8Array): ReturnType<typeof readLoadReport> {
  try {
    return readLoadReport(bytes, MAX_CLUSTERS);
  } catch (error) {
    throw new InvalidLoadReport(
      `the request is no load report: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
