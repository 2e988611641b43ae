import {
  createRestServer,
  createXdsCache,
  createXdsServer,
  openXdsSecurity,
  typeUrls,
  type XdsLimits,
} from "../../../src/xds/index.ts";
import { jsonResource } from "./json-resource.ts";
import { resources } from "./messages.ts";

// A server in a process of its own, whose memory can be watched: `node --expose-gc server-process.ts <limits as JSON> [<TLS files as JSON>]`. Says its
// ports, and at each SIGUSR2 how many bytes it holds after a collection. Each of its two resources has 1 MiB.
const limits = JSON.parse(process.argv[2] ?? "{}") as Partial<XdsLimits>;
const tls = process.argv[3] === undefined ? undefined : JSON.parse(process.argv[3]);
const cache = createXdsCache();
cache.apply("ns~proxy", { upsert: resources(typeUrls.cluster, { a: "1".repeat(1024 * 1024) }), complete: true });
const named = { name: "shop", altStatName: "1".repeat(1024 * 1024) };
const restCache = createXdsCache();
restCache.apply("ns~rest", { upsert: [jsonResource(typeUrls.cluster, "shop", named)], complete: true });
const server = createXdsServer({
  ...{ cache, limits, port: 0, fallbackKey: "ns~proxy" },
  snapshotKey: ({ metadata }) => (typeof metadata["role"] === "string" ? metadata["role"] : "ns~proxy"),
  security: await openXdsSecurity({ tls }),
});
// A server that doesn't listen, with a resource that JSON can be made of.
const polled = createXdsServer({ cache: restCache, port: 0, fallbackKey: "ns~rest", snapshotKey: () => "ns~rest" });
const rest = createRestServer({ port: 0, fetch: polled.fetch });
const { port: restPort } = await rest.listen();
process.stdout.write(`port ${(await server.listen()).port} rest ${restPort}\n`);
process.on("SIGUSR2", () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.stdout.write(`holds ${heapUsed + external}\n`);
});
