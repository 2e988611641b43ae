import { connect as connectTcp } from "node:net";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { typeUrls, type XdsLimits } from "../../src/xds/index.ts";
import { encodeAsk } from "./support/messages.ts";
import { connectRaw, frame, type RawClient } from "./support/raw-client.ts";
import { pour, startTarget, type Target } from "./support/target.ts";

const { cluster: CDS, endpoint: EDS } = typeUrls;
const MIB = 1024 * 1024;
/** With EPOXY_LONG_TESTS each attack is four times as long; the bound is the same. */
const times = process.env["EPOXY_LONG_TESTS"] === undefined ? 1 : 4;
/** Of resident memory: by the limits below some 70 MiB are on their way or kept; the rest is garbage that V8 had no reason to collect yet. */
const BOUND_MIB = 300;
const limits: Partial<XdsLimits> = {
  streams: 500,
  streamsPerConnection: 100,
  requestBytes: 16 * MIB,
  unfinishedBytes: 16 * MIB,
  retainedBytes: 2 * MIB,
  retainedBytesInAll: 16 * MIB,
  unreadBytes: 16 * MIB,
};

let target: Target;
beforeEach(async () => {
  target = await startTarget({ limits });
  await target.honest();
});
afterEach(() => target[Symbol.asyncDispose]());

function attackers(count: number): RawClient[] {
  const clients = Array.from({ length: count }, () => connectRaw(target.port));
  onTestFinished(async () => {
    for (const client of clients) await client[Symbol.asyncDispose]();
  });
  return clients;
}

const text = (size: number, mark: number) => `${mark}-`.padEnd(size, "x");

/** What each does to the server, which it could keep up for ever. */
const attacks: Record<string, () => Promise<unknown>> = {
  "half of a long request on each of many connections": () => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(15 * MIB, 1);
    return Promise.all(
      attackers(30 * times).map(async (client) => {
        client.write(head);
        await pour(client, 14 * MIB, Buffer.alloc(256 * 1024));
      }),
    );
  },
  "half of a long request on each of many streams of one connection": async () => {
    const [client] = attackers(1);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(15 * MIB, 1);
    await Promise.all(
      Array.from({ length: 30 * times }, async () => {
        const stream = (client as RawClient).open();
        stream.write(head);
        await pour(stream, 14 * MIB, Buffer.alloc(256 * 1024));
      }),
    );
  },
  "thousands of streams": async () => {
    for (const client of attackers(4)) {
      for (let count = 0; count < 100 * times; count++) client.open().send({ typeUrl: CDS });
    }
  },
  "names without end, on many streams": async () => {
    const bodies = attackers(10).flatMap((client, index) =>
      Array.from({ length: 10 * times }, async (_, stream) => {
        const names = Array.from({ length: 100 }, (__, name) => text(10_000, index * 10_000 + stream * 100 + name));
        await pour(
          client.open(),
          1,
          frame(encodeAsk("delta", { node: { id: "raw" }, typeUrl: EDS, subscribe: names })),
        );
      }),
    );
    await Promise.all(bodies);
  },
  "an enormous node on each of many streams": async () => {
    await Promise.all(
      attackers(10).flatMap((client, index) =>
        Array.from({ length: 10 * times }, async (_, stream) => {
          const node = { id: `n${stream}`, metadata: { junk: text(MIB, index * 100 + stream) } };
          await pour(client.open(), 1, frame(encodeAsk("delta", { node, typeUrl: CDS })));
        }),
      ),
    );
  },
  "types made up by each of many streams": async () => {
    for (const client of attackers(5 * times)) {
      for (let stream = 0; stream < 20; stream++) {
        const one = client.open();
        for (let type = 0; type < 60; type++) one.send({ typeUrl: text(1000, stream * 100 + type), subscribe: ["*"] });
      }
    }
  },
  "the same big answer asked for again and again, and never read": async () => {
    for (const client of attackers(10 * times)) {
      for (let count = 0; count < 200; count++) client.send({ typeUrl: CDS, subscribe: ["a", "*"] });
    }
  },
  "big answers on streams that it ends itself, and never reads": async () => {
    for (const client of attackers(2)) {
      for (let count = 0; count < 100 * times; count++) {
        const one = client.open();
        one.send({ typeUrl: CDS });
        one.stream.end();
      }
    }
  },
  "refusals with endless reasons": async () => {
    for (const client of attackers(5 * times)) {
      client.send({ typeUrl: CDS });
      for (let count = 0; count < 5; count++) {
        await pour(client, 1, frame(encodeAsk("delta", { typeUrl: CDS, nonce: `${count}`, error: text(MIB, count) })));
      }
    }
  },
  "connections that say nothing, or no HTTP/2": async () => {
    const sockets = Array.from({ length: 400 }, (_, index) => {
      const socket = connectTcp(target.port, "127.0.0.1").on("error", () => {});
      if (index % 2 === 0) socket.write("GET / HTTP/1.1\r\n\r\n");
      return socket;
    });
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    await Promise.all(sockets.map((socket) => new Promise((done) => socket.once("connect", done))));
  },
};

describe("a hostile client", () => {
  test.each(Object.keys(attacks))("with %s doesn't exhaust memory, and others are served", async (name) => {
    const grown = await target.growth(async () => {
      await attacks[name]?.();
      await target.honest();
    });
    expect(target.child.ended()).toBeUndefined();
    expect(grown).toBeLessThan(BOUND_MIB);
  });
});
