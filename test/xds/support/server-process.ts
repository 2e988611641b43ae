import { createXdsCache, createXdsServer, type XdsLimits } from "../../../src/xds/index.ts";
import { resources } from "./messages.ts";

// A server in a process of its own, whose memory can be watched: `node --expose-gc server-process.ts <limits as JSON>`. Says its port, and
// at each SIGUSR2 how many bytes it holds after a collection.
const limits = JSON.parse(process.argv[2] ?? "{}") as Partial<XdsLimits>;
const cache = createXdsCache();
cache.apply("ns~proxy", {
  upsert: resources("type.googleapis.com/envoy.config.cluster.v3.Cluster", { a: "1".repeat(1024 * 1024) }),
  complete: true,
});
const server = createXdsServer({ cache, limits, port: 0, fallbackKey: "ns~proxy", snapshotKey: () => "ns~proxy" });
process.stdout.write(`port ${(await server.listen()).port}\n`);
process.on("SIGUSR2", () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.stdout.write(`holds ${heapUsed + external}\n`);
});
