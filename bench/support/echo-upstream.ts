import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A backend on 127.0.0.1 that answers with the path it was asked for. */
export async function startEchoUpstream(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const body = request.url ?? "";
    response.writeHead(200, { "content-length": Buffer.byteLength(body) }).end(body);
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
