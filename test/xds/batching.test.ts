import { expect, test } from "vitest";
import { createXdsCache, createXdsServer, typeUrls } from "../../src/xds/index.ts";
import { connect } from "./support/grpc-client.ts";
import { resources } from "./support/messages.ts";

type Resources = ReturnType<typeof resources>;

const { cluster: CDS, listener: LDS, route: RDS } = typeUrls;
const KEY = "ns~proxy";
/** Nobody waits for that. */
const batching = { quietMs: 60_000, maxWaitMs: 600_000 };

/** A client that has the cluster `a`, of a server whose batches wait, with others to ask for. */
async function serveClusterAnd(others: Resources, mode: "sotw" | "delta") {
  const cache = createXdsCache();
  cache.apply(KEY, { upsert: [...resources(CDS, { a: "1" }), ...others], complete: true });
  const server = createXdsServer({ cache, port: 0, snapshotKey: () => KEY, fallbackKey: KEY, batching });
  const client = connect((await server.listen()).port);
  const stream = client.stream(mode);
  stream.send({ typeUrl: CDS });
  stream.ack(await stream.next());
  const close = async (): Promise<void> => {
    await client[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  };
  return { cache, server, stream, [Symbol.asyncDispose]: close };
}

test.each(["sotw", "delta"] as const)(
  "while a batch waits, answers don't take its changes along; other batching sends them at once (%s)",
  async (mode) => {
    await using served = await serveClusterAnd(resources(LDS, { l: "1" }), mode);
    const { cache, server, stream } = served;
    cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    const second = await stream.next();
    expect(second).toMatchObject({ typeUrl: CDS, resources: { a: "a=2" } });
    cache.apply(KEY, { upsert: resources(CDS, { a: "3" }) });
    cache.apply(KEY, { upsert: resources(CDS, { a: "4" }) });
    stream.ack(second);
    stream.send({ typeUrl: LDS });
    // Had the acknowledgement brought the changes, they would come before this.
    const answer = await stream.next();
    expect(answer).toMatchObject({ typeUrl: LDS, resources: { l: "l=1" } });
    stream.ack(answer);
    server.setBatching({ quietMs: 0, maxWaitMs: 0 });
    expect(await stream.next()).toMatchObject({ typeUrl: CDS, resources: { a: "a=4" } });
  },
);

test.each(["sotw", "delta"] as const)(
  "while a batch waits, a change that is under way takes its next step when the client has answered (%s)",
  async (mode) => {
    await using served = await serveClusterAnd(resources(RDS, { r: "1" }), mode);
    const { cache, stream } = served;
    const named = mode === "sotw" ? { names: ["r"] } : { subscribe: ["r"] };
    stream.send({ typeUrl: RDS, ...named });
    stream.ack(await stream.next(), mode === "sotw" ? named : {});
    cache.apply(KEY, { upsert: [...resources(CDS, { b: "1" }), ...resources(RDS, { r: "2" })] });
    const clusters = await stream.next();
    expect(clusters.typeUrl).toBe(CDS);
    cache.apply(KEY, { upsert: resources(RDS, { r: "3" }) });
    stream.ack(clusters);
    expect(await stream.next()).toMatchObject({ typeUrl: RDS, resources: { r: "r=3" } });
  },
);

test.each(["sotw", "delta"] as const)(
  "an answer that waits for no batch brings the clusters that it may need ahead of itself (%s)",
  async (mode) => {
    await using served = await serveClusterAnd(resources(RDS, { r: "1" }), mode);
    const { cache, stream } = served;
    cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    stream.ack(await stream.next());
    // The route leads to the new cluster, and both wait.
    cache.apply(KEY, { upsert: [...resources(CDS, { b: "1" }), ...resources(RDS, { r: "to b" })] });
    stream.send({ typeUrl: RDS, ...(mode === "sotw" ? { names: ["r"] } : { subscribe: ["r"] }) });
    expect(await stream.next()).toMatchObject({ typeUrl: CDS, resources: { b: "b=1" } });
    expect(await stream.next()).toMatchObject({ typeUrl: RDS, resources: { r: "r=to b" } });
  },
);
