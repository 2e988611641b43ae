import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "@bufbuild/protobuf";
import { EpoxyError } from "../../errors/index.ts";
import type { XdsPeer } from "../security/authorizer.ts";
import { typeUrls } from "../type-urls.ts";
import type { EnvoyJson } from "./envoy-json.ts";
import { type HeldMemory, limitHeldMemory } from "./held-memory.ts";

// An import makes node load its WebSocket client, too: 30 ms of each start.
const { createServer } = process.getBuiltinModule("node:http");

/** What a client that asks once is told. */
export type Fetched =
  | { readonly kind: "response"; readonly body: Buffer }
  /** It has this version. */
  | { readonly kind: "current" }
  /** It isn't known yet what there is. */
  | { readonly kind: "unready" }
  | { readonly kind: "invalid" | "unauthenticated" | "denied"; readonly reason: string };

export interface RestServerOptions {
  /** Defaults to 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0 takes a free one. */
  readonly port: number;
  /** Answers an encoded DiscoveryRequest for one type; an xDS server's `fetch`. */
  fetch(typeUrl: string, request: Uint8Array, peer: XdsPeer): Promise<Fetched>;
  /** Describes types, beside Envoy's own, that resources or what is packed in them are of. */
  readonly types?: Registry | undefined;
  /** Length of a request in bytes. Defaults to 4 MiB. */
  readonly requestBytes?: number | undefined;
  /** Bytes of bodies that haven't come whole and of answers that aren't read, of all clients. Beyond it connections are cut. Defaults to 128 MiB. */
  readonly heldBytes?: number | undefined;
  /** Open at once. Defaults to 20,000. */
  readonly maxConnections?: number | undefined;
}

/** xDS over plain HTTP: each poll is a `POST /v3/discovery:<type>` of JSON. */
export interface RestServer extends AsyncDisposable {
  /** Resolves once it accepts connections. Rejects with `unavailable` if the address can't be had. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** The paths of the `google.api.http` options of Envoy's discovery services. */
const paths: Readonly<Record<string, string>> = {
  "/v3/discovery:clusters": typeUrls.cluster,
  "/v3/discovery:endpoints": typeUrls.endpoint,
  "/v3/discovery:listeners": typeUrls.listener,
  "/v3/discovery:routes": typeUrls.route,
  "/v3/discovery:scoped-routes": typeUrls.scopedRoute,
  "/v3/discovery:secrets": typeUrls.secret,
  "/v3/discovery:runtime": typeUrls.runtime,
  "/v3/discovery:extension_configs": typeUrls.extensionConfig,
};

/** Milliseconds for the head of a request, for all of it, and for which a connection may do nothing while it is read from or written to. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, idleTimeout: 60_000 };
/** How often the first two are looked at, in ms. */
const CHECK_MS = 5_000;

export function createRestServer(options: RestServerOptions): RestServer {
  const host = options.host ?? "127.0.0.1";
  const maxBytes = options.requestBytes ?? 4 * 1024 * 1024;
  let json: EnvoyJson | undefined;
  /** Responses are shared by all clients that need the same, and so are the bytes of their text. */
  const texts = new WeakMap<Buffer, Buffer>();
  const held = limitHeldMemory(options.heldBytes ?? 128 * 1024 * 1024);
  const { headersTimeout, requestTimeout, idleTimeout } = TIMEOUTS;
  const server = createServer({ headersTimeout, requestTimeout, connectionsCheckingInterval: CHECK_MS });
  server.setTimeout(idleTimeout);
  server.on("request", (request, response) => {
    answer(request, response).catch((error: unknown) => {
      send(response, 500, error instanceof Error ? error.message : String(error));
    });
  });
  server.maxConnections = options.maxConnections ?? 20_000;
  let closing: Promise<void> | undefined;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const typeUrl = Object.hasOwn(paths, request.url ?? "") ? paths[request.url ?? ""] : undefined;
    if (typeUrl === undefined) return send(response, 404, `what there is: POST ${Object.keys(paths).join(", ")}`);
    if (request.method !== "POST") return send(response, 405, "only POST is allowed");
    // Only who is polled pays for the descriptors of Envoy's types.
    json ??= (await import("./envoy-json.ts")).createEnvoyJson(options.types);
    const body = await read(request, maxBytes, held);
    if (body === undefined) return send(response, 413, `more than ${maxBytes} bytes`);
    let bytes: Uint8Array;
    try {
      bytes = json.request(body);
    } catch (error) {
      return send(
        response,
        400,
        `this is no DiscoveryRequest: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    const { remoteAddress, remotePort } = request.socket;
    const token = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
    const peer = { address: `${remoteAddress}:${remotePort}`, certificate: undefined, token };
    const fetched = await options.fetch(typeUrl, bytes, peer);
    switch (fetched.kind) {
      case "response":
        return sendJson(response, textOf(fetched.body, json));
      case "current":
        return send(response, 304, "");
      case "unready":
        return send(response, 503, "what there is isn't known yet: ask again");
      case "unauthenticated":
        return send(response, 401, fetched.reason);
      case "denied":
        return send(response, 403, fetched.reason);
      case "invalid":
        return send(response, 400, fetched.reason);
    }
  }

  function textOf(body: Buffer, { response }: EnvoyJson): Buffer {
    const text = texts.get(body) ?? Buffer.from(response(body));
    texts.set(body, text);
    return text;
  }

  function sendJson(response: ServerResponse, text: Buffer): void {
    const { socket } = response;
    if (socket === null) return;
    held.hold(text, text.length, socket);
    response.once("close", () => held.release(text, socket));
    response.writeHead(200, { "content-type": "application/json" });
    response.end(text);
  }

  const close = (): Promise<void> =>
    (closing ??= new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }));
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once("error", (cause) => {
          const message = `The REST server for xDS cannot listen on ${host}:${options.port}: ${cause.message}. Stop what uses this port, or set another one.`;
          reject(new EpoxyError("unavailable", message, { cause }));
        });
        server.listen(options.port, host, () => resolve({ host, port: (server.address() as AddressInfo).port }));
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The whole body; undefined if it is longer than may be, in which case the rest isn't read. */
async function read(request: IncomingMessage, maxBytes: number, held: HeldMemory): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  const { socket } = request;
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) return undefined;
      chunks.push(chunk);
      held.hold(chunks, size, socket);
    }
    return Buffer.concat(chunks).toString();
  } finally {
    held.release(chunks, socket);
  }
}

function send(response: ServerResponse, code: number, body: string): void {
  // The request may not have been read to its end.
  if (code === 413) response.shouldKeepAlive = false;
  response.writeHead(code, code === 304 ? {} : { "content-type": "text/plain" });
  response.end(code === 304 ? undefined : body);
}
