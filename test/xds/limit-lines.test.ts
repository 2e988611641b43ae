import { afterEach, beforeEach, expect, test } from "vitest";
import { createXdsCache, createXdsServer, typeUrls, type XdsServer } from "../../src/xds/index.ts";
import { limitLines } from "../../src/xds/server/limit-lines.ts";
import { waitFor } from "../support/wait-for.ts";
import { connectRaw } from "./support/raw-client.ts";

const { cluster: CDS } = typeUrls;
const CLUSTERS = "/envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters";
let server: XdsServer;
let lines: string[];
const log = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);

beforeEach(() => {
  lines = [];
  const ignore = (): void => {};
  server = createXdsServer({
    ...{ cache: createXdsCache(), port: 0, fallbackKey: "ns~proxy", snapshotKey: () => "ns~proxy" },
    logger: { debug: ignore, info: ignore, warn: log },
  });
});
afterEach(() => server.close());

test("of a flood from one source the first lines of a time are written, others have theirs, and in the end it says how many weren't", async () => {
  const write = limitLines(log, { lines: 5, perSource: 3, windowMs: 100 });
  for (let index = 0; index < 40; index++) write("flood", { index }, "flood");
  for (const source of ["a", "b", "c"]) write(source, {}, source);
  expect(lines).toEqual(['flood {"index":0}', 'flood {"index":1}', 'flood {"index":2}', "a {}", "b {}"]);
  await waitFor(() => lines.length > 5);
  expect(lines[5]).toMatch(/^38 similar lines were left out, most of them caused by flood/);
  write("flood", {}, "again");
  expect(lines[6]).toBe("again {}");
});

test.each([
  ["too long a node id", undefined, { node: { id: "n".repeat(5000) }, typeUrl: CDS }],
  ["a type of 100,000 characters", CLUSTERS, { typeUrl: "t".repeat(100_000) }],
])("a client with %s on hundreds of streams doesn't fill the log", async (_, path, ask) => {
  await using client = connectRaw((await server.listen()).port, path);
  const streams = Array.from({ length: 300 }, () => client.open());
  const ended = streams.map(({ stream }) => new Promise((done) => stream.resume().once("close", done)));
  for (const { send } of streams) send(ask);
  await Promise.all(ended);
  expect(lines.filter((line) => line.startsWith("invalid xDS request")).length).toBe(5);
  expect(lines.join("\n").length).toBeLessThan(5 * 500);
});
