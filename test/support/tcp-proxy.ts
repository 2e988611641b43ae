import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy that can be cut off, as a network would be. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections that are open now. */
  connections(): number;
  /** The most that were open at once. */
  peak(): number;
  /** Resets all connections and refuses new ones. */
  cut(): void;
  /** Accepts connections but forwards nothing any more, in either direction: as a network that drops packets. */
  stall(): void;
  /** Ends a cut or a stall. Connections that were stalled go on. */
  restore(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(target: { readonly port: number; readonly host?: string }): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let state: "open" | "cut" | "stalled" = "open";
  let peak = 0;
  const server = createServer((near) => {
    if (state === "cut") {
      near.resetAndDestroy();
      return;
    }
    const far = connect(target.port, target.host ?? "127.0.0.1");
    const pair = [near, far] as const;
    pairs.add(pair);
    peak = Math.max(peak, pairs.size);
    if (state === "stalled") for (const socket of pair) socket.pause();
    join(near, far, () => pairs.delete(pair));
    join(far, near, () => pairs.delete(pair));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const reset = (): void => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
  };
  const close = async (): Promise<void> => {
    reset();
    await new Promise((done) => server.close(done));
  };
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => pairs.size,
    peak: () => peak,
    cut() {
      state = "cut";
      reset();
    },
    stall() {
      state = "stalled";
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    restore() {
      state = "open";
      for (const pair of pairs) for (const socket of pair) socket.resume();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function join(from: Socket, to: Socket, ended: () => void): void {
  from.setNoDelay(true);
  from.on("data", (bytes) => to.write(bytes));
  from.once("end", () => to.end());
  from.once("error", () => to.destroy());
  from.once("close", () => {
    to.destroy();
    ended();
  });
}
