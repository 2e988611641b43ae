import { connect, type Socket } from "node:net";

/** Asks one Envoy again and again over one connection, at little cost to either side. */
export interface Probe {
  /** Status and body of a GET. */
  get(host: string, path?: string): Promise<{ readonly status: number; readonly body: string }>;
  /** Asks until the body is `expected`, and says when (`performance.now()`) the request that got it was sent. */
  until(host: string, expected: string, options?: { readonly path?: string }): Promise<number>;
  close(): void;
}

/** Pause between two questions, in milliseconds: on few cores a tighter loop would slow down what it measures. */
const PAUSE_MS = 0.5;
/** The same while nobody listens, by a timer: a start lasts for seconds, and what waits for it must not use what it needs. */
const UNREACHED_PAUSE_MS = 5;
/** The pause is slept in pieces of this many milliseconds, so that whatever else this process has to do waits no longer than one. */
const SLEEP_MS = 0.1;
const never = new Int32Array(new SharedArrayBuffer(4));

const PATIENCE_MS = 120_000;

export async function createProbe(port: number): Promise<Probe> {
  let socket: Socket | undefined;
  let received = "";
  let wake = (): void => {};

  async function open(): Promise<Socket> {
    const opened = connect(port, "127.0.0.1").setNoDelay(true).setEncoding("latin1");
    opened.on("data", (text: string) => {
      received += text;
      wake();
    });
    opened.on("error", () => {});
    opened.once("close", () => {
      if (socket === opened) socket = undefined;
      wake();
    });
    await new Promise<void>((resolve) => opened.once("connect", resolve).once("close", () => resolve()));
    return opened;
  }

  function answer(): { status: number; body: string } | undefined {
    const end = received.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    const head = received.slice(0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (received.length < end + 4 + length) return undefined;
    return { status: Number(head.slice(9, 12)), body: received.slice(end + 4, end + 4 + length) };
  }

  async function get(host: string, path = "/"): Promise<{ status: number; body: string }> {
    if (socket === undefined || socket.destroyed) socket = await open();
    received = "";
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    for (;;) {
      const found = answer();
      if (found !== undefined) return found;
      if (socket === undefined || socket.destroyed) return { status: 0, body: "" };
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    get,
    async until(host, expected, { path } = {}) {
      const start = performance.now();
      for (;;) {
        const sent = performance.now();
        const { status, body } = await get(host, path);
        if (body === expected) return sent;
        if (sent - start > PATIENCE_MS) throw new Error(`${host} answers ${status} ${body}, never ${expected}`);
        if (status === 0) await new Promise((resolve) => setTimeout(resolve, UNREACHED_PAUSE_MS));
        for (const resume = performance.now() + PAUSE_MS; performance.now() < resume; ) {
          // Timers of the event loop take a millisecond or two, and turning it without a sleep takes a whole core from what is measured.
          Atomics.wait(never, 0, 0, SLEEP_MS);
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    },
    close: () => socket?.destroy(),
  };
}
