import { once } from "node:events";
import { Agent, request as post } from "node:http";
import { expect, test } from "vitest";
import { typeUrls } from "../../src/xds/index.ts";
import { Node } from "../../generated/envoy/envoy/config/core/v3/base.ts";
import { LoadStatsRequest } from "../../generated/envoy/envoy/service/load_stats/v3/lrs.ts";
import { ClientStatusRequest } from "../../generated/envoy/envoy/service/status/v3/csds.ts";
import { waitFor } from "../support/wait-for.ts";
import { encodeAsk } from "./support/messages.ts";
import { connectRaw, frame } from "./support/raw-client.ts";
import { startTarget } from "./support/target.ts";

const { cluster: CDS, endpoint: EDS, route: RDS } = typeUrls;
const CSDS = "/envoy.service.status.v3.ClientStatusDiscoveryService";
/** FUZZ=100000 for a long run; FUZZ_SEED for another one. */
const messages = Number(process.env["FUZZ"] ?? 4_000);
let state = Number(process.env["FUZZ_SEED"] ?? 1);
const perStream = 20;
/** All clients have gone then. */
const LEFT_MIB = 10;

/** Below `limit`, as the seed determines it (xorshift). */
function random(limit: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}
const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;

const node = { id: "fuzz", metadata: { role: "ns~proxy", list: [1, { deep: true }] } };
const encodedNode = { ...Node.fromPartial({ id: "fuzz", cluster: "shop" }), metadata: node.metadata };
const reported = [
  {
    clusterName: "shop",
    totalDroppedRequests: 3n,
    upstreamLocalityStats: [{ totalSuccessfulRequests: 1n, totalIssuedRequests: 2n }, { totalErrorRequests: 3n }],
  },
];
const matchers = [
  { nodeId: { matchPattern: { $case: "prefix", value: "f" } } },
  { nodeId: { matchPattern: { $case: "safeRegex", value: { regex: "(f|u)+z*" } } } },
];
const polled = {
  node: { id: "fuzz", metadata: { role: "ns~rest", list: [1, { deep: true }] } },
  resourceNames: ["shop"],
  versionInfo: "1",
  errorDetail: { message: "no" },
};
const sound: Readonly<Record<string, readonly [Buffer, ...Buffer[]]>> = {
  StreamAggregatedResources: [
    encodeAsk("sotw", { typeUrl: CDS, node }),
    encodeAsk("sotw", { typeUrl: EDS, names: ["a", "bc"], nonce: "1", version: "2" }),
    encodeAsk("sotw", { typeUrl: CDS, nonce: "1", error: "no" }),
  ],
  DeltaAggregatedResources: [
    encodeAsk("delta", { typeUrl: CDS, node, subscribe: ["*"] }),
    encodeAsk("delta", { typeUrl: RDS, subscribe: ["a", "b"], unsubscribe: ["c"], initial: { a: "1" } }),
    encodeAsk("delta", { typeUrl: CDS, nonce: "1", error: "no" }),
  ],
  "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats": [
    Buffer.from(LoadStatsRequest.encode({ node: encodedNode, clusterStats: [] }).finish()),
    Buffer.from(LoadStatsRequest.encode(LoadStatsRequest.fromPartial({ clusterStats: reported as never })).finish()),
  ],
  [`${CSDS}/StreamClientStatus`]: [
    Buffer.from(ClientStatusRequest.encode(ClientStatusRequest.fromPartial({ node: encodedNode })).finish()),
    Buffer.from(
      ClientStatusRequest.encode(ClientStatusRequest.fromPartial({ nodeMatchers: matchers as never })).finish(),
    ),
  ],
  [`${CSDS}/FetchClientStatus`]: [
    Buffer.from(
      ClientStatusRequest.encode(ClientStatusRequest.fromPartial({ nodeMatchers: matchers as never })).finish(),
    ),
  ],
};
const soundPoll: readonly Buffer[] = [Buffer.from(JSON.stringify(polled)), Buffer.from(`{"node":{"id":"fuzz"}}`)];

/** One to four mistakes: a byte changed, a piece left out, put in, or written twice. */
function mutate(seeds: readonly Buffer[]): Buffer {
  let bytes = Buffer.from(pick(seeds));
  for (let count = 1 + random(4); count > 0; count--) {
    const at = random(bytes.length + 1);
    const piece = pick(seeds).subarray(random(20), random(60));
    const kind = random(4);
    if (kind === 0 && at < bytes.length) bytes[at] = random(256);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random(30))]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(at + 1))]);
  }
  return bytes;
}

test(`${messages} mutated requests end their own stream at most: no crash, no growth, and others are served`, {
  timeout: 3_600_000,
}, async () => {
  await using target = await startTarget({});
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });

  async function fuzzStreams(path: string, seeds: readonly [Buffer, ...Buffer[]], count: number): Promise<void> {
    await using client = connectRaw(target.port, path);
    for (let sent = 0; sent < count; sent += perStream) {
      const { stream } = client.open();
      stream.resume();
      stream.write(frame(seeds[0]));
      for (let one = 0; one < perStream && !stream.destroyed; one++) stream.write(frame(mutate(seeds)));
      stream.end();
      if (!stream.closed) await once(stream, "close");
    }
  }

  /** Status codes of the answers. */
  async function fuzzPolls(count: number): Promise<ReadonlySet<number | undefined>> {
    const codes = new Set<number | undefined>();
    const options = { port: target.restPort, method: "POST", path: "/v3/discovery:clusters", agent };
    const poll = (): Promise<void> =>
      new Promise((done, fail) => {
        const outgoing = post(options, (incoming) => {
          codes.add(incoming.statusCode);
          incoming.resume().once("close", done);
        });
        outgoing.once("error", fail).end(mutate(soundPoll));
      });
    for (let sent = 0; sent < count; sent += 4) await Promise.all([poll(), poll(), poll(), poll()]);
    return codes;
  }

  const ways = Object.keys(sound).length + 1;
  async function round(count: number): Promise<ReadonlySet<number | undefined>> {
    for (const [path, seeds] of Object.entries(sound)) await fuzzStreams(path, seeds, count / ways);
    return fuzzPolls(count / ways);
  }

  // What the program needs once it is warm doesn't count.
  await round(messages / 10);
  const before = await target.held();
  const codes = await round(messages);
  expect(target.child.ended()).toBeUndefined();
  // What is answered is a client's fault or well; never the server's.
  expect([...codes].filter((code) => code === undefined || code >= 500)).toEqual([]);
  expect(codes).toContain(400);
  // What has ended may take a moment to be gone.
  await waitFor(async () => (await target.held()) - before < LEFT_MIB, { timeout: 20_000 });
  // Nothing but what it was asked for: no stack trace of an error that nobody expected.
  expect(target.said().filter((line) => !line.startsWith("holds "))).toEqual([]);
  await target.honest();
  agent.destroy();
});
