import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createXdsCache, createXdsServer, typeUrls, type XdsServer } from "../../src/xds/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { connect, type XdsClient } from "./support/grpc-client.ts";
import { resources } from "./support/messages.ts";

const { cluster: CDS, route: RDS } = typeUrls;
const KEY = "ns~proxy";

let server: XdsServer;
let client: XdsClient;

beforeEach(async () => {
  const cache = createXdsCache();
  cache.apply(KEY, { upsert: resources(CDS, { a: "1" }), complete: true });
  server = createXdsServer({
    ...{ cache, port: 0, fallbackKey: KEY, snapshotKey: () => KEY },
    limits: { streams: 2, subscriptions: 10, requestBytes: 10_000 },
  });
  client = connect((await server.listen()).port);
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await server.close();
});

const names = (count: number, prefix = "r") => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe.each(["sotw", "delta"] as const)("limits, %s", (mode) => {
  test("a client that names too many resources, on all types together, loses its stream and leaves nothing behind", async () => {
    const stream = client.stream(mode);
    stream.send({ typeUrl: RDS, names: names(6), subscribe: names(6) });
    stream.send({ typeUrl: CDS, names: names(5), subscribe: names(5) });
    expect(await stream.ended).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: "more than 10 resources are named on one stream",
    });
    await waitFor(() => server.streams().length === 0);
  });

  test("a client that makes up types without end loses its stream", async () => {
    const stream = client.stream(mode);
    for (const typeUrl of names(65, "type.googleapis.com/made.up.T")) stream.send({ typeUrl });
    expect(await stream.ended).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringMatching(/64 types/),
    });
  });

  test("a request that is too long ends its stream", async () => {
    const stream = client.stream(mode);
    stream.send({ typeUrl: CDS, node: { id: "x".repeat(20_000) } });
    expect(await stream.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });

  test("one stream too many is turned away, those that are open go on, and there is room again when one closes", async () => {
    const [one, two] = [client.stream(mode), client.stream(mode)];
    for (const it of [one, two]) {
      it.send({ typeUrl: CDS });
      await it.next();
    }
    const third = client.stream(mode);
    third.send({ typeUrl: CDS });
    expect(await third.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(server.streams()).toHaveLength(2);
    two.cancel();
    await waitFor(() => server.streams().length === 1);
    const fourth = client.stream(mode);
    fourth.send({ typeUrl: CDS });
    expect((await fourth.next()).resources).toEqual({ a: "a=1" });
  });
});
