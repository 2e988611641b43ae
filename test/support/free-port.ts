import { createServer } from "node:net";

/**
 * From where ports are taken: below those that systems give to whoever asks for any port (Linux from 32768, macOS from 49152) and to
 * outgoing connections. An Envoy that is started to listen on the port later must find it free, whatever has asked for any port meanwhile: its own
 * admin server did. Above are Kubernetes' node ports.
 */
const FIRST = 20_000;
const COUNT = 10_000;

let next = Math.floor(Math.random() * COUNT);

/** A TCP port of 127.0.0.1 that nothing listens on just now, and that nothing takes unless it is told to. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + (next++ % COUNT);
    if (await canListen(port)) return port;
  }
  throw new Error(`no port from ${FIRST} to ${FIRST + COUNT - 1} is free`);
}

/** Several different ones. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

function canListen(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}
