import { createServer } from "node:net";

/** The first port of 127.0.0.1 from `first` on that nothing listens on. @throws Error if there is none among the next hundred */
export async function freePortFrom(first: number): Promise<number> {
  for (let port = first; port < first + 100; port++) if (await isFree(port)) return port;
  throw new Error(`no port from ${first} to ${first + 99} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const onLoopback = await canListen(port, "127.0.0.1");
  // A process that listens on all addresses hides behind one that listens on loopback only, and the other way round.
  return onLoopback && (await canListen(port, "0.0.0.0"));
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => done(true)));
  });
}
