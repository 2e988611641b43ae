import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { typeUrls } from "../../src/xds/index.ts";
import { startChild } from "../support/child.ts";
import { waitFor } from "../support/wait-for.ts";
import { connect } from "./support/grpc-client.ts";
import { encodeAsk } from "./support/messages.ts";
import { connectRaw, frame } from "./support/raw-client.ts";

const { cluster: CDS, endpoint: EDS, route: RDS } = typeUrls;
/** FUZZ=100000 for a long run; FUZZ_SEED for another one. */
const messages = Number(process.env["FUZZ"] ?? 4_000);
let state = Number(process.env["FUZZ_SEED"] ?? 1);
const perStream = 20;

/** Below `limit`, as the seed determines it (xorshift). */
function random(limit: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}
const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;

const node = { id: "fuzz", metadata: { role: "ns~proxy", list: [1, { deep: true }] } };
const sound = {
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
} as const;

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
  const program = join(import.meta.dirname, "support", "server-process.ts");
  await using child = startChild(process.execPath, ["--expose-gc", program, "{}"]);
  const port = Number(await waitFor(() => /port (\d+)/.exec(child.output())?.[1], { timeout: 20_000 }));
  const said = (): string[] => child.output().split("\n").slice(1, -1);
  /** What the server holds after a collection, in MiB. */
  async function held(): Promise<number> {
    const before = said().length;
    process.kill(child.pid, "SIGUSR2");
    const line = await waitFor(() => said()[before], { timeout: 20_000 });
    return Number(/^holds (\d+)$/.exec(line)?.[1]) / 1024 / 1024;
  }

  async function round(count: number): Promise<void> {
    for (const path of Object.keys(sound) as (keyof typeof sound)[]) {
      await using client = connectRaw(port, path);
      for (let sent = 0; sent < count; sent += perStream) {
        const { stream } = client.open();
        stream.resume();
        stream.write(frame(sound[path][0]));
        for (let one = 0; one < perStream && !stream.destroyed; one++) stream.write(frame(mutate(sound[path])));
        stream.end();
        if (!stream.closed) await once(stream, "close");
      }
    }
  }

  // What the program needs once it is warm doesn't count.
  await round(messages / 20);
  const before = await held();
  await round(messages / 2);
  expect(child.ended()).toBeUndefined();
  // Answers of 1 MiB each are on their way at any time.
  expect((await held()) - before).toBeLessThan(50);
  // Nothing but what it was asked for: no stack trace of an error that nobody expected.
  expect(said().filter((line) => !line.startsWith("holds "))).toEqual([]);
  await using honest = connect(port);
  const stream = honest.stream("delta");
  stream.send({ typeUrl: CDS });
  expect(Object.keys((await stream.next()).resources)).toEqual(["a"]);
});
