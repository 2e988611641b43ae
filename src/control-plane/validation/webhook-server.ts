import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "../logger.ts";
import { formatHostPort, type HostPort } from "../settings/host-port.ts";
import type { AdmissionRequest, AdmissionResponse, AdmissionReview } from "./admission-review.ts";
import { NOT_READY } from "./admit.ts";

export interface WebhookServerOptions {
  readonly address: HostPort;
  /** PEM. They are read again while the server runs, as Kubernetes and cert-manager replace them. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Undefined: nobody can tell yet. */
  readonly answer: (request: AdmissionRequest) => AdmissionResponse | undefined;
  readonly logger: Logger;
  /** Milliseconds between looks at the files. Default 5,000. */
  readonly reloadMs?: number | undefined;
}

/** The HTTPS server that the API server asks. It starts when there is a certificate, and again and again until the address can be had. */
export interface WebhookServer extends AsyncDisposable {
  /** Undefined: it doesn't listen, which is in the log. */
  readonly address: HostPort | undefined;
  close(): Promise<void>;
}

/** Path of Gloo's webhook. */
export const VALIDATION_PATH = "/validation";

/** Two objects of the greatest size that the API server takes, and what is around them. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** Never throws: that validation isn't there is the webhook's failure policy's case, not a reason to serve no proxy. */
export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  const { certFile, keyFile, logger, reloadMs = 5_000 } = options;
  let server: Server | undefined;
  let inUse = "";
  let problem = "";
  let isClosed = false;

  async function refresh(): Promise<void> {
    try {
      // One after the other: where both lack, the same is said each time, and so logged once.
      const cert = await readFile(certFile, "utf8");
      const key = await readFile(keyFile, "utf8");
      if (isClosed) return;
      if (server === undefined) server = await listen(options, { cert, key });
      else if (inUse !== cert + key) {
        server.setSecureContext({ cert, key });
        logger.info({ certFile }, "the validation webhook has a new certificate");
      }
      inUse = cert + key;
      problem = "";
    } catch (error) {
      const text = (error as Error).message;
      const kept = server === undefined ? "it isn't served" : "the last good one stays in use";
      if (text !== problem)
        logger.warn({ certFile, keyFile }, `the validation webhook's certificate: ${text}; ${kept}`);
      problem = text;
    }
  }

  await refresh();
  let turn = Promise.resolve();
  const timer = setInterval(() => {
    turn = turn.then(refresh);
  }, reloadMs).unref();
  const close = async (): Promise<void> => {
    isClosed = true;
    clearInterval(timer);
    await turn;
    const ending = server;
    server = undefined;
    if (ending === undefined) return;
    await new Promise<void>((resolve) => {
      ending.close(() => resolve());
      ending.closeAllConnections();
    });
  };
  return {
    get address() {
      const bound = server?.address() as AddressInfo | null | undefined;
      return bound ? { host: options.address.host, port: bound.port } : undefined;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function listen(options: WebhookServerOptions, pair: { readonly cert: string; readonly key: string }) {
  const { address, answer, logger } = options;
  const server = createServer({ ...pair, minVersion: "TLSv1.2" }, (request, response) => {
    respond(request, response, answer).catch((error: unknown) => {
      logger.error({ err: error }, `the validation webhook failed: ${(error as Error).message}`);
      end(response, 500, "application/json", { message: (error as Error).message });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(new Error(`can't listen on ${formatHostPort(address)}: ${error.message}`)));
    server.listen(address.port, address.host, resolve);
  });
  server.unref();
  const { port } = server.address() as AddressInfo;
  logger.info({}, `the validation webhook listens on ${formatHostPort({ host: address.host, port })}`);
  return server;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  answer: WebhookServerOptions["answer"],
): Promise<void> {
  const path = request.url?.split("?", 1)[0];
  if (request.method !== "POST" || path !== VALIDATION_PATH) {
    return end(response, 404, "text/plain", `POST an AdmissionReview to ${VALIDATION_PATH}\n`);
  }
  const review = readReview(await bodyOf(request));
  if (review === undefined) return end(response, 400, "text/plain", "the body is no AdmissionReview in JSON\n");
  const answered = answer(review.request);
  // Not an answer: the API server goes by the webhook's failure policy.
  if (answered === undefined) return end(response, 503, "text/plain", `${NOT_READY}\n`);
  const { apiVersion } = review;
  end(response, 200, "application/json", { apiVersion, kind: "AdmissionReview", response: answered });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return "";
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function readReview(body: string): (AdmissionReview & { readonly request: AdmissionRequest }) | undefined {
  try {
    const review = JSON.parse(body) as AdmissionReview | null;
    const { request } = review ?? {};
    if (typeof review?.apiVersion !== "string" || typeof request?.uid !== "string") return undefined;
    if (typeof request.operation !== "string" || typeof request.kind?.kind !== "string") return undefined;
    return { ...review, request };
  } catch {
    return undefined;
  }
}

function end(response: ServerResponse, status: number, type: string, body: string | object): void {
  if (response.writableEnded) return;
  response.writeHead(status, { "content-type": type });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}
