import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from "node:tls";
import type { ConnectionInjector } from "@grpc/grpc-js";
import { EpoxyError } from "../../errors/index.ts";
import type { TlsMaterial } from "../security/tls-files.ts";

export interface TransportOptions {
  readonly host: string;
  readonly port: number;
  /** Asked at each connection; undefined: plain text. */
  tls(): TlsMaterial | undefined;
  readonly injector: ConnectionInjector;
  /** Open at once; further ones are closed. */
  readonly maxConnections: number;
  onClose(address: string): void;
  /** A connection came to nothing. */
  onFailure(address: string, reason: string): void;
}

/** The sockets of an xDS server. They are its own, so that certificates can change, failures are told, and a rush of handshakes leaves time for others. */
export interface Transport {
  /** @throws `unavailable` if the address can't be had */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Open connections by their client's address and port. */
  readonly connections: ReadonlyMap<string, Socket>;
  /** Cuts the connection of this client. */
  cut(address: string): void;
  /** Takes no further connections, and ends those that aren't ready yet. Idempotent. */
  close(): void;
}

/** A client that connects and then says nothing is given up after so many ms. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A handshake, and what comes at once on a new connection, cost a millisecond or so of the one thread that also sends updates: so many begin per turn of the event loop, the others wait. */
const CONNECTIONS_PER_TURN = 4;
/** Those that wait are looked at in this order anyway; a rush longer than this is no fleet. */
const BACKLOG = 1024;

export function createTransport(options: TransportOptions): Transport {
  const { host, port, injector, onFailure } = options;
  const waiting: { readonly socket: Socket; readonly secured: boolean }[] = [];
  /** Connections that aren't ready yet, by address and port of the client. */
  const beginning = new Map<string, Socket>();
  let turn: NodeJS.Immediate | undefined;
  let secure: { readonly material: TlsMaterial; readonly server: TlsServer } | undefined;

  const open = new Map<string, Socket>();
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    // What breaks a connection ends its streams; nobody else needs to know.
    socket.on("error", () => {});
    const address = addressOf(socket);
    open.set(address, socket);
    socket.once("close", () => {
      if (open.get(address) !== socket) return;
      open.delete(address);
      beginning.delete(address);
      options.onClose(address);
    });
    beginning.set(address, socket);
    waiting.push({ socket, secured: options.tls() !== undefined });
    turn ??= setImmediate(begin);
  });
  server.maxConnections = options.maxConnections;
  server.on("drop", (drop) =>
    onFailure(addressOf(drop ?? {}), `${options.maxConnections} connections are open, which is the limit`),
  );

  function begin(): void {
    turn = undefined;
    for (const { socket, secured } of waiting.splice(0, CONNECTIONS_PER_TURN)) {
      const material = options.tls();
      // What was to be secured isn't served in plain text, whatever has changed meanwhile.
      if (secured && material === undefined) socket.destroy();
      if (socket.destroyed) continue;
      if (material !== undefined) {
        tlsServer(material).emit("connection", socket);
        continue;
      }
      beginning.delete(addressOf(socket));
      injector.injectConnection(socket.resume());
    }
    if (waiting.length > 0) turn = setImmediate(begin);
  }

  /** One for each version of the files: nothing of an earlier one, such as session tickets, outlives it. */
  function tlsServer(material: TlsMaterial): TlsServer {
    if (secure?.material === material) return secure.server;
    const created = createTlsServer({
      ...material.context,
      requestCert: material.requestCert,
      rejectUnauthorized: material.rejectUnauthorized,
      ALPNProtocols: ["h2"],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    created.on("secureConnection", (socket) => {
      beginning.delete(addressOf(socket));
      socket.on("error", () => {});
      injector.injectConnection(socket);
    });
    created.on("tlsClientError", (error, socket) => {
      const address = addressOf(socket);
      socket.destroy();
      onFailure(address, `the TLS handshake failed: ${handshakeProblem(error, socket)}`);
    });
    secure = { material, server: created };
    return created;
  }

  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.on("error", (cause) => {
          if (server.listening) return onFailure(host, `a connection can't be accepted: ${cause.message}`);
          const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
          reject(
            new EpoxyError(
              "unavailable",
              `The xDS server cannot listen on ${address}: ${cause.message}. Stop what uses this port, or set another one.`,
              { cause },
            ),
          );
        });
        server.listen({ host, port, backlog: BACKLOG }, () =>
          resolve({ host, port: (server.address() as AddressInfo).port }),
        );
      }),
    connections: open,
    cut: (address) => void open.get(address)?.destroy(),
    close() {
      server.close();
      clearImmediate(turn);
      for (const socket of beginning.values()) socket.destroy();
    },
  };
}

function addressOf({
  remoteAddress,
  remotePort,
}: {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}): string {
  return `${remoteAddress}:${remotePort}`;
}

/** OpenSSL's words, without where in its sources they are. */
function handshakeProblem(error: Error & { readonly reason?: string }, socket: TLSSocket): string {
  const unverified = socket.authorizationError as Error | string | null | undefined;
  if (unverified)
    return `the client's certificate is refused: ${unverified instanceof Error ? unverified.message : unverified}`;
  return error.reason ?? error.message;
}
