import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { EpoxyError } from "../errors/index.ts";
import type { DebugView } from "./debug-views.ts";
import { formatHostPort, type HostPort } from "./settings/host-port.ts";

// An import makes node load its WebSocket client, too: 30 ms of each start.
const { createServer } = process.getBuiltinModule("node:http");

/** Whether the process can do its work, and if not, why. */
export interface Readiness {
  /** Whether everything was read once: from then on what is known is served, whatever fails. */
  readonly ready: boolean;
  /** What isn't read yet, or can't be read now. */
  readonly reasons: readonly string[];
}

export interface AdminServerOptions {
  readonly address: HostPort;
  readonly readiness: () => Readiness;
  /** Metrics in Prometheus' text format. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** What `/debug/<name>` answers, as JSON. None of it may hold a secret. */
  readonly debug: Readonly<Record<string, DebugView>>;
}

/** The HTTP server for operators: `/healthz`, `/readyz`, `/metrics` and `/debug/…`. */
export interface AdminServer extends AsyncDisposable {
  /** The address in use; its port is the one that was given by the system where 0 was asked for. */
  readonly address: HostPort;
  close(): Promise<void>;
}

/** @throws `unavailable` if the address can't be had */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = createServer((request, response) => {
    respond(request, response, options).catch((error: unknown) => {
      send(response, 500, "text/plain", error instanceof Error ? error.message : String(error));
    });
  });
  const { host, port } = options.address;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(bindError(error, options.address)));
    server.listen(port, host, resolve);
  });
  server.unref();
  const bound = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }));
  return { address: { host, port: bound.port }, close, [Symbol.asyncDispose]: close };
}

function bindError(error: NodeJS.ErrnoException, address: HostPort): EpoxyError {
  const reason =
    error.code === "EADDRINUSE"
      ? "the port is in use: stop the other process or choose another with --admin-address"
      : error.message;
  return new EpoxyError("unavailable", `cannot open the admin address ${formatHostPort(address)}: ${reason}`, {
    cause: error,
  });
}

async function respond(request: IncomingMessage, response: ServerResponse, options: AdminServerOptions): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return send(response, 405, "text/plain", "only GET is allowed\n");
  }
  const [path = "/", query] = (request.url ?? "/").split("?", 2);
  if (path === "/healthz") return send(response, 200, "text/plain", "ok\n");
  if (path === "/readyz") {
    const { ready, reasons } = options.readiness();
    const lines = [...(ready ? ["ok"] : []), ...reasons];
    return send(response, ready ? 200 : 503, "text/plain", `${lines.join("\n")}\n`);
  }
  if (path === "/metrics") {
    const { contentType, text } = await options.metrics();
    return send(response, 200, contentType, text);
  }
  const view = /^\/debug\/([a-z-]+)$/.exec(path)?.[1];
  if (view !== undefined && Object.hasOwn(options.debug, view)) {
    const body = JSON.stringify(
      await options.debug[view]?.(new URLSearchParams(query)),
      (_key, value) => (typeof value === "bigint" ? `${value}` : value),
      2,
    );
    return send(response, 200, "application/json", `${body}\n`);
  }
  const paths = ["/healthz", "/readyz", "/metrics", ...Object.keys(options.debug).map((name) => `/debug/${name}`)];
  return send(response, path === "/" ? 200 : 404, "text/plain", `${paths.join("\n")}\n`);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { "content-type": contentType });
  response.end(body);
}
