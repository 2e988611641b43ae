import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ChannelCredentials } from "@grpc/grpc-js";
import { typeUrls, type XdsLimits } from "../../../src/xds/index.ts";
import { type Child, startChild } from "../../support/child.ts";
import { waitFor } from "../../support/wait-for.ts";
import { connect } from "./grpc-client.ts";
import type { RawClient } from "./raw-client.ts";

/** A server to be attacked: one in a process of its own, whose memory is watched. */
export interface Target extends AsyncDisposable {
  readonly child: Child;
  readonly port: number;
  readonly restPort: number;
  /** Lines it has said since it told its ports: nothing but what it holds, or errors. */
  said(): string[];
  /** What it holds after a collection, in MiB. */
  held(): Promise<number>;
  /** The most resident memory while `attack` runs, beyond what it had before, in MiB. */
  growth(attack: () => Promise<unknown>): Promise<number>;
  /** A client that does nothing wrong; rejects if it isn't served. */
  honest(shown?: ChannelCredentials): Promise<void>;
}

export interface TargetOptions {
  readonly limits?: Partial<XdsLimits> | undefined;
  readonly nodeFlags?: readonly string[] | undefined;
  readonly tls?: object | undefined;
}

/** Memory is looked at this often, in ms. */
const LOOK_MS = 20;

export async function startTarget({ limits = {}, nodeFlags = [], tls }: TargetOptions): Promise<Target> {
  const child = startChild(process.execPath, [
    ...["--expose-gc", ...nodeFlags, join(import.meta.dirname, "server-process.ts"), JSON.stringify(limits)],
    ...(tls === undefined ? [] : [JSON.stringify(tls)]),
  ]);
  const ports = await waitFor(() => /port (\d+) rest (\d+)/.exec(child.output()), { timeout: 20_000 });
  const port = Number(ports[1]);
  const said = (): string[] => child.output().split("\n").slice(1, -1);

  async function resident(): Promise<number> {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024;
  }

  return {
    child,
    port,
    restPort: Number(ports[2]),
    said,
    async held() {
      const before = said().length;
      process.kill(child.pid, "SIGUSR2");
      const line = await waitFor(() => said()[before], { timeout: 20_000 });
      return Number(/^holds (\d+)$/.exec(line)?.[1]) / 1024 / 1024;
    },
    async growth(attack) {
      const atRest = await resident();
      let peak = atRest;
      const look = (): void =>
        void resident().then(
          (now) => (peak = Math.max(peak, now)),
          // It has ended, which is for the caller to find.
          () => {},
        );
      const watching = setInterval(look, LOOK_MS);
      try {
        await attack();
      } finally {
        clearInterval(watching);
      }
      return Math.round(peak - atRest);
    },
    async honest(shown) {
      await using client = connect(port, shown === undefined ? {} : { credentials: shown });
      const stream = client.stream("delta");
      stream.send({ typeUrl: typeUrls.cluster });
      const { resources } = await stream.next();
      if (Object.keys(resources).join() !== "a") throw new Error(`served ${Object.keys(resources).join()}`);
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** Writes as long as the server takes it, at most so many bytes. */
export async function pour(
  { stream }: Pick<RawClient, "stream">,
  bytes: number,
  piece: Uint8Array = Buffer.alloc(256 * 1024),
): Promise<void> {
  for (let written = 0; written < bytes && !stream.destroyed; written += piece.length) {
    if (stream.write(piece)) continue;
    await Promise.race(
      ["drain", "close", "error"].map((event) => new Promise<void>((done) => stream.once(event, () => done()))),
    );
  }
}
