import { connect } from "node:net";

/** One connection that sends requests, one after the other, at as little cost as node allows. */
export interface Asker {
  /** Whether the answer was 200. Rejects when the connection ends. Answers have to be short enough to come in one piece. */
  ask(host: string): Promise<boolean>;
  close(): void;
}

/** Where the status stands after `HTTP/1.1 `, and 200 there. */
const STATUS_AT = 9;
const OK = [0x32, 0x30, 0x30];

const PATIENCE_MS = 60_000;

export async function openAsker(port: number): Promise<Asker> {
  let answered: PromiseWithResolvers<boolean> | undefined;
  const onread = {
    buffer: Buffer.alloc(4096),
    callback(_length: number, bytes: Uint8Array): boolean {
      answered?.resolve(OK.every((byte, index) => bytes[STATUS_AT + index] === byte));
      return true;
    },
  };
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, onread });
  socket.on("error", (error) => answered?.reject(error));
  socket.once("close", () => answered?.reject(new Error("the connection was closed")));
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return {
    ask(host) {
      answered = Promise.withResolvers<boolean>();
      socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`, "latin1");
      return answered.promise;
    },
    close: () => void socket.destroy(),
  };
}

/** Has several connections do something, and closes them. */
async function overConnections(port: number, count: number, run: (asker: Asker) => Promise<void>): Promise<void> {
  const askers = await Promise.all(Array.from({ length: count }, () => openAsker(port)));
  await Promise.all(askers.map(run));
  for (const asker of askers) asker.close();
}

/** Sends requests for a host over some connections, and rejects where one isn't answered 200. Returns milliseconds. */
export async function load(port: number, host: string, requests: number, connections = 16): Promise<number> {
  let left = requests;
  const start = performance.now();
  await overConnections(port, connections, async (asker) => {
    while (left-- > 0) if (!(await asker.ask(host))) throw new Error(`${host} wasn't answered 200`);
  });
  return performance.now() - start;
}

/** Asks for each host until it is answered 200, over some connections. The port has to be open. */
export async function askAll(port: number, hosts: readonly string[], connections = 16): Promise<void> {
  const left = [...hosts];
  await overConnections(port, connections, async (asker) => {
    for (let host = left.pop(); host !== undefined; host = left.pop()) {
      const start = performance.now();
      while (!(await asker.ask(host))) {
        if (performance.now() - start > PATIENCE_MS) throw new Error(`${host} is never answered 200`);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  });
}
