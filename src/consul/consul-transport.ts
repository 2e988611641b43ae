import { EventEmitter } from "node:events";
import type { Agent as HttpAgent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import https from "node:https";
import { createRequire } from "node:module";
import type ConsulLibrary from "consul";
import { consulError } from "./consul-errors.ts";
import { type ConsulOptions, consulUrl, readTls } from "./consul-options.ts";
import type { CatalogOptions } from "./consul-queries.ts";

// An import makes node load its WebSocket client, too: 30 ms of each start.
const http = process.getBuiltinModule("node:http");

const require = createRequire(import.meta.url);

/** Consul refuses more connections than `http_max_conns_per_client` (200) of one address; another process may share ours. */
const maxBlockingConnections = 120;
const maxCallConnections = 16;

/** What the `consul` package resolves to: the response and the body, if any. */
export type Reply = readonly [response: IncomingMessage, body?: unknown];
type Method = (options: CallOptions) => Promise<Reply>;
/** Options of the package's methods. */
export type CallOptions = Readonly<Record<string, unknown>>;

/** The part of the `consul` package in use. Its own types leave out aborting, timeouts, indexes and consistency. */
export interface RawConsul {
  readonly kv: { readonly get: Method; readonly set: Method };
  readonly catalog: { readonly datacenters: Method; readonly service: { readonly list: Method } };
  readonly session: { readonly create: Method; readonly renew: Method; readonly destroy: Method };
  readonly health: { readonly service: Method; readonly state: Method };
  readonly transaction: { create(operations: readonly object[], options: CallOptions): Promise<Reply> };
  _ext(event: "onRequest", extension: (request: PapiRequest, next: () => void) => void): void;
}

/** A request of `papi`, the package below `consul`. */
interface PapiRequest {
  readonly ctx?: CallContext;
  readonly req: { path: string };
  transport: { request(options: RequestOptions): ClientRequest };
}

/** Given with each call: its event `cancel` aborts the request. */
class CallContext extends EventEmitter {
  readonly includeResponse = true;
  readonly useCache: boolean;
  constructor(useCache: boolean) {
    super();
    this.useCache = useCache;
  }
}

/** Carries calls to Consul: abortable, each with a timeout, on a bounded number of kept connections. */
export interface ConsulTransport {
  /** For people: `http://127.0.0.1:8500`. */
  readonly address: string;
  /** Rejects with `unavailable`, or with the signal's reason. `what` is what errors call it. */
  call(
    what: string,
    query: CatalogOptions,
    invoke: (raw: RawConsul, options: CallOptions) => Promise<Reply>,
  ): Promise<Reply>;
  close(): void;
}

/** Opens nothing yet. @throws `invalid` for a bad address or a certificate that can't be read */
export function createConsulTransport(options: ConsulOptions): ConsulTransport {
  const { secure, host, port } = consulUrl(options);
  const tls = readTls(options.tls);
  const address = `${secure ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const { timeout = 10_000, waitTime = 30_000 } = options;
  const { Agent } = secure ? https : http;
  // Most starts don't need it, and its modules take 15 ms.
  const Consul = require("consul") as typeof ConsulLibrary;
  const headers =
    options.username === undefined ? {} : { authorization: basicAuth(options.username, options.password) };
  const connect = (maxSockets: number): { readonly raw: RawConsul; readonly agent: HttpAgent } => {
    const agent = new Agent({ keepAlive: true, keepAliveMsecs: 10_000, maxSockets, maxFreeSockets: 8, ...tls });
    const settings = { host: host.includes(":") ? `[${host}]` : host, port, secure, agent, headers };
    const raw = new Consul(settings) as unknown as RawConsul;
    raw._ext("onRequest", extendRequest);
    return { raw, agent };
  };
  // Blocking queries have connections of their own, so that they can't keep other calls waiting.
  const blocking = connect(maxBlockingConnections);
  const calls = connect(maxCallConnections);
  return {
    address,
    async call(what, query, invoke) {
      const { signal, index, consistency, useCache = false } = query;
      signal.throwIfAborted();
      const ctx = new CallContext(useCache && consistency !== "consistent");
      const cancel = (): boolean => ctx.emit("cancel");
      signal.addEventListener("abort", cancel, { once: true });
      const dc = query.datacenter || options.datacenter;
      try {
        return await invoke(index === undefined ? calls.raw : blocking.raw, {
          ...(options.token && { token: options.token }),
          ...(dc && { dc }),
          // Consul adds up to a sixteenth to the wait, so that waiting clients don't come back all at once.
          ...(index === undefined
            ? { timeout }
            : { index: `${index}`, wait: `${waitTime}ms`, timeout: waitTime * 1.1 + timeout }),
          ...(consistency === "consistent" && { consistent: true }),
          ...(consistency === "stale" && { stale: true }),
          ctx,
        });
      } catch (error) {
        signal.throwIfAborted();
        throw consulError(address, what, error);
      } finally {
        signal.removeEventListener("abort", cancel);
      }
    },
    close() {
      blocking.agent.destroy();
      calls.agent.destroy();
    },
  };
}

const basicAuth = (username: string, password = ""): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

const arrivals = new WeakMap<IncomingMessage, number>();

/** When an answer began to come, by `performance.now()`. */
export const arrivedAt = (response: IncomingMessage): number => arrivals.get(response) ?? performance.now();

/** Adds what the package lacks to a request that is about to be sent. */
function extendRequest(request: PapiRequest, next: () => void): void {
  if (request.ctx?.useCache === true) request.req.path += `${request.req.path.includes("?") ? "&" : "?"}cached`;
  const { transport } = request;
  request.transport = {
    request(options) {
      const outgoing = transport.request(options);
      outgoing.once("response", (response) => {
        arrivals.set(response, performance.now());
        response.once("close", () => {
          // The package never settles a call whose answer breaks off in the middle.
          if (!response.complete)
            outgoing.emit("error", Object.assign(new Error("the answer broke off"), { code: "ECONNRESET" }));
        });
      });
      return outgoing;
    },
  };
  next();
}
