import { BinaryReader } from "@bufbuild/protobuf/wire";
import { decodeRequestNode, type XdsNode } from "../wire.ts";

/** Requests of one report to one cluster, all localities together. */
export interface ClusterLoad {
  readonly cluster: string;
  readonly successful: number;
  readonly failed: number;
  readonly issued: number;
  /** By the client itself: overload, circuit breakers. */
  readonly dropped: number;
  /** Under way when the report was made. */
  readonly inProgress: number;
}

type Sums = { -readonly [K in keyof ClusterLoad]: ClusterLoad[K] };

/** The fields of envoy.config.endpoint.v3.UpstreamLocalityStats that are added up. */
const summed: Readonly<Record<number, "successful" | "inProgress" | "failed" | "issued">> = {
  2: "successful",
  3: "inProgress",
  4: "failed",
  8: "issued",
};

/**
 * Reads a LoadStatsRequest (envoy/service/load_stats/v3/lrs.proto), of at most so many clusters. Not by generated code: a client may fill a
 * request with millions of empty localities and endpoints, each of which would be made an object of. Throws if the bytes are no such message.
 */
export function readLoadReport(
  bytes: Uint8Array,
  maxClusters: number,
): { readonly node: XdsNode | undefined; readonly clusters: readonly ClusterLoad[] } {
  // The node is the first field, as it is in a delta request.
  const node = decodeRequestNode("delta", bytes);
  const clusters: ClusterLoad[] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 2 && clusters.length < maxClusters) clusters.push(readCluster(reader.bytes()));
    else reader.skip(type, field);
  }
  return { node, clusters };
}

function readCluster(bytes: Uint8Array): ClusterLoad {
  const load: Sums = { cluster: "", successful: 0, failed: 0, issued: 0, dropped: 0, inProgress: 0 };
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) load.cluster = reader.string();
    else if (field === 2) addLocality(reader, load);
    else if (field === 3) load.dropped = Number(reader.uint64());
    else reader.skip(type, field);
  }
  return load;
}

/** Reads where it stands: a reader for each of a million localities would be garbage. */
function addLocality(reader: BinaryReader, load: Sums): void {
  const end = reader.uint32() + reader.pos;
  while (reader.pos < end) {
    const [field, type] = reader.tag();
    const sum = summed[field];
    if (sum === undefined) reader.skip(type, field);
    else load[sum] += Number(reader.uint64());
  }
}
