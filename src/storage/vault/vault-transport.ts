import type { IncomingMessage } from "node:http";
import https from "node:https";
import { EpoxyError } from "../../errors/index.ts";
import { readVaultTls, type VaultOptions, vaultUrl } from "./vault-options.ts";

// An import makes node load its WebSocket client, too: 30 ms of each start.
const http = process.getBuiltinModule("node:http");

/** What Vault answered. The body is undefined where it is no JSON, which no answer of Vault's own is. */
export interface VaultAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface VaultRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below `/v1/`, escaped. */
  readonly path: string;
  readonly body?: object | undefined;
  /** None: for logging in. */
  readonly token?: string | undefined;
  readonly signal: AbortSignal;
}

/** Carries requests to Vault: abortable, each with a timeout, on a bounded number of kept connections. */
export interface VaultTransport {
  /** For people: `https://vault:8200`. */
  readonly address: string;
  /** Rejects with `unavailable` where there is no answer, or with the signal's reason. */
  send(request: VaultRequest): Promise<VaultAnswer>;
  close(): void;
}

const maxConnections = 16;
const maxRedirects = 2;
const maxBody = 16 * 1024 * 1024;

/** Opens nothing yet. @throws `invalid` for a bad address or a certificate that can't be read */
export function createVaultTransport(options: VaultOptions): VaultTransport {
  const base = vaultUrl(options.address);
  const { timeout = 10_000, namespace } = options;
  const tls = readVaultTls(options.tls);
  const settings = { keepAlive: true, maxSockets: maxConnections, maxFreeSockets: 4 };
  const agents = { "http:": new http.Agent(settings), "https:": new https.Agent({ ...settings, ...tls }) } as const;
  const address = base.origin;

  const fail = (path: string, reason: string, cause?: unknown): EpoxyError =>
    new EpoxyError("unavailable", `Vault at ${address} doesn't answer (${path}): ${reason}`, { cause });

  /** One request to one server. */
  function once(
    url: URL,
    request: VaultRequest,
  ): Promise<{ readonly message: IncomingMessage; readonly text: string }> {
    const isSecure = url.protocol === "https:";
    const text = request.body === undefined ? undefined : JSON.stringify(request.body);
    const headers = {
      // Vault's guard against requests that a browser was tricked into.
      "x-vault-request": "true",
      ...(request.token !== undefined && { "x-vault-token": request.token }),
      ...(namespace && { "x-vault-namespace": namespace }),
      ...(text !== undefined && { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
    };
    return new Promise((resolve, reject) => {
      const { method, signal } = request;
      const agent = isSecure ? agents["https:"] : agents["http:"];
      const outgoing = (isSecure ? https : http).request(url, { method, headers, agent, signal });
      const late = setTimeout(() => outgoing.destroy(new Error(`no answer within ${timeout} ms`)), timeout);
      const settle = (how: () => void): void => {
        clearTimeout(late);
        how();
      };
      outgoing.once("error", (error) => settle(() => reject(error)));
      outgoing.once("response", (message) => {
        const chunks: Buffer[] = [];
        let size = 0;
        message.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size > maxBody) outgoing.destroy(new Error(`the answer is longer than ${maxBody} bytes`));
        });
        message.once("end", () => settle(() => resolve({ message, text: Buffer.concat(chunks).toString("utf8") })));
        message.once("close", () => {
          if (!message.complete) settle(() => reject(new Error("the answer broke off")));
        });
      });
      outgoing.end(text);
    });
  }

  return {
    address,
    async send(request) {
      const { signal, path } = request;
      signal.throwIfAborted();
      let url = new URL(`${base.pathname.replace(/\/$/, "")}/v1/${path}`, base);
      for (let hop = 0; ; hop++) {
        let answer: Awaited<ReturnType<typeof once>>;
        try {
          answer = await once(url, request);
        } catch (error) {
          signal.throwIfAborted();
          const failure = error as Error & { readonly code?: string; readonly errors?: readonly { code?: string }[] };
          throw fail(path, failure.code ?? failure.errors?.[0]?.code ?? failure.message, error);
        }
        const { message, text } = answer;
        const status = message.statusCode ?? 0;
        const next = message.headers.location;
        // A standby that doesn't forward sends its clients to the active node (https://developer.hashicorp.com/vault/docs/concepts/ha).
        if (status !== 307 || next === undefined) return { status, body: readJson(text) };
        if (hop === maxRedirects) throw fail(path, "too many redirections");
        if (!URL.canParse(next, url.href)) throw fail(path, "it redirects to what is no URL");
        const target = new URL(next, url);
        if (url.protocol === "https:" && target.protocol !== "https:") {
          throw fail(path, `it redirects to ${target.origin}, which would send the token without TLS`);
        }
        url = target;
      }
    },
    close() {
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
