import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { isIP } from "node:net";
import { EpoxyError } from "../../errors/index.ts";
import type { XdsCache } from "../cache/xds-cache.ts";
import type { LoadReport } from "../load/load-reports.ts";
import { createQuarantine, type Quarantine } from "../quarantine/quarantine.ts";
import { fetchOnce } from "../rest/fetch-once.ts";
import type { Fetched } from "../rest/rest-server.ts";
import type { XdsPeer } from "../security/authorizer.ts";
import type { XdsSecurity } from "../security/security.ts";
import { typeUrls } from "../type-urls.ts";
import type { CommonRequest, XdsNode } from "../wire.ts";
import { type Batching, createBatcher } from "./batcher.ts";
import { delta } from "./delta.ts";
import {
  createCounters,
  type DenialEvent,
  type NackEvent,
  type StreamState,
  type XdsEvents,
  type XdsMetrics,
} from "./events.ts";
import { type Admission, createGatekeeper, endCall } from "./gatekeeper.ts";
import { limitLines } from "./limit-lines.ts";
import { createResponses, type Responses } from "./responses.ts";
import { discoveryServices } from "./services.ts";
import { addSideServices } from "./side-services.ts";
import { sotw } from "./sotw.ts";
import { createStream, InvalidRequest, LimitExceeded, type XdsStream } from "./stream.ts";
import { createTransport } from "./transport.ts";
import type { Protocol } from "./type-stream.ts";

/** Takes structured messages; a pino logger is one. */
export interface XdsLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface XdsServerOptions {
  readonly cache: XdsCache;
  /** Which snapshot a proxy gets; undefined if its node doesn't say. Asked once per stream. */
  snapshotKey(node: Pick<XdsNode, "id" | "cluster" | "metadata">): string | undefined;
  /** The snapshot of proxies without a key. The cache should hold something there that tells their operator what is wrong. */
  readonly fallbackKey: string;
  /** Defaults to 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0 takes a free one. */
  readonly port: number;
  /** Sent as `control_plane.identifier`, so that people can tell who configured a proxy. Defaults to `epoxy`. */
  readonly identifier?: string | undefined;
  /** Defaults to one batch per turn of the event loop. */
  readonly batching?: Batching | undefined;
  /** How long routes wait for the ACK of the clusters they need, in ms; removals wait up to six times as long. Defaults to 5000. */
  readonly ackTimeoutMs?: number | undefined;
  /** An idle connection is pinged this often, in ms, and given up after two thirds of that without an answer. Defaults to 30 000. */
  readonly keepaliveMs?: number | undefined;
  /** Connections end after this time, ±10 %, so that proxies spread over replicas anew, in ms. Defaults to never. */
  readonly maxConnectionAgeMs?: number | undefined;
  /** How often proxies report their load, if they do, in ms. Defaults to 10 000. */
  readonly loadReportIntervalMs?: number | undefined;
  readonly limits?: Partial<XdsLimits> | undefined;
  /** TLS, and who is served. Its members are read whenever they are needed, so they may change. Defaults to plain text for everybody. */
  readonly security?: XdsSecurity | undefined;
  /** Plain text, secrets included, is served beyond this machine only if this is true. */
  readonly plaintext?: boolean | undefined;
  /** What proxies refuse; shared by the servers of one cache. Defaults to one of its own. */
  readonly quarantine?: Quarantine | undefined;
  readonly events?: XdsEvents | undefined;
  readonly logger?: XdsLogger | undefined;
}

/** What clients may ask for. One that asks for more is told so with ResourceExhausted, and costs no more memory. */
export interface XdsLimits {
  /** Open at once. Defaults to 20,000. */
  readonly streams: number;
  /** Names subscribed to on one stream. Defaults to 200,000. */
  readonly subscriptions: number;
  /** Length of a request in bytes. Defaults to 32 MiB: a reconnecting delta client lists all it has, with 10,000 resources more than gRPC's 4 MiB. */
  readonly requestBytes: number;
}

/** An xDS server: ADS and one service per type, each in state-of-the-world and delta form; client statuses (CSDS) and load reports (LRS). */
export interface XdsServer extends AsyncDisposable {
  /** Resolves once it accepts connections. Rejects with `unavailable` if the address can't be had. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Ends all streams; proxies keep their configuration and reconnect elsewhere. Idempotent. */
  close(): Promise<void>;
  streams(): StreamState[];
  /** Answers an encoded DiscoveryRequest for one type, once: what a REST server in front hands on. */
  fetch(typeUrl: string, request: Uint8Array, peer: XdsPeer): Promise<Fetched>;
  /** What the clients that are connected have reported of their load. */
  loadReports(): LoadReport[];
  readonly metrics: XdsMetrics;
}

const DEFAULT_LIMITS: XdsLimits = { streams: 20_000, subscriptions: 200_000, requestBytes: 32 * 1024 * 1024 };

export function createXdsServer(options: XdsServerOptions): XdsServer {
  const { cache, fallbackKey, logger } = options;
  const host = options.host ?? "127.0.0.1";
  const identifier = options.identifier ?? "epoxy";
  const quarantine = options.quarantine ?? createQuarantine(cache);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const keepaliveMs = options.keepaliveMs ?? 30_000;
  const { events, metrics } = createCounters(options.events ?? {});
  const security = options.security ?? {};
  const open = new Map<
    XdsStream,
    { readonly call: ServerDuplexStream<Buffer, Buffer>; readonly admission: Admission }
  >();
  const batcher = createBatcher<XdsStream>(options.batching ?? { quietMs: 0, maxWaitMs: 0 }, (stream) => {
    const call = open.get(stream)?.call;
    if (call !== undefined) guard(call, () => stream.flush());
  });
  const responses = { sotw: createResponses("sotw", identifier), delta: createResponses("delta", identifier) };
  // Who is turned away comes again; that mustn't fill the log.
  const warnOfDenial = limitLines((fields, message) => logger?.warn(fields, message));
  let streamIds = 0;
  let closing: Promise<void> | undefined;

  const server = new Server({
    "grpc.max_receive_message_length": limits.requestBytes,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": Math.ceil((keepaliveMs * 2) / 3),
    ...(options.maxConnectionAgeMs !== undefined && { "grpc.max_connection_age_ms": options.maxConnectionAgeMs }),
    "grpc.max_connection_age_grace_ms": 10_000,
  });
  for (const { definition, methods } of discoveryServices) {
    const handlers: UntypedServiceImplementation = {};
    for (const { name, mode, typeUrl } of methods) {
      handlers[name] = (call: ServerDuplexStream<Buffer, Buffer>) =>
        mode === "sotw" ? serve(call, sotw, responses.sotw, typeUrl) : serve(call, delta, responses.delta, typeUrl);
    }
    server.addService(definition, handlers);
  }

  const gatekeeper = createGatekeeper({ security, snapshotKey: options.snapshotKey, onDenied: denied });
  const unsubscribe = security.subscribe?.(() => {
    for (const { admission } of open.values()) admission.recheck();
  });
  const transport = createTransport({
    host,
    port: options.port,
    tls: () => security.tls,
    injector: server.createConnectionInjector(ServerCredentials.createInsecure()),
    maxConnections: limits.streams,
    onFailure: (peer, reason) => denied({ peer, node: undefined, key: undefined, code: "connection", reason }),
  });

  const side = addSideServices(server, {
    cache,
    quarantine,
    streams: () => [...open.keys()].map((stream) => stream.describe()),
    security,
    snapshotKey: options.snapshotKey,
    fallbackKey,
    clusterNames: (key) =>
      Object.keys(cache.dump(key).find(({ typeUrl }) => typeUrl === typeUrls.cluster)?.resources ?? {}),
    loadIntervalMs: options.loadReportIntervalMs ?? 10_000,
    maxStreams: limits.streams,
    onLoadReport: events.onLoadReport,
  });

  /** Runs what a client caused; if it fails, that client's stream ends, and no other. */
  function guard(call: ServerDuplexStream<Buffer, Buffer>, run: () => void): void {
    try {
      run();
    } catch (error) {
      const code = codeOf(error);
      const failed = code === status.INTERNAL;
      logger?.warn({ peer: call.getPeer(), err: error }, failed ? "an xDS stream failed" : "invalid xDS request");
      endCall(call, code, failed ? "internal error" : (error as Error).message);
    }
  }

  function serve<Request extends CommonRequest>(
    call: ServerDuplexStream<Buffer, Buffer>,
    protocol: Protocol<Request>,
    shared: Responses,
    onlyType: string | undefined,
  ): void {
    if (open.size >= limits.streams) {
      logger?.warn({ peer: call.getPeer() }, `${limits.streams} xDS streams are open, which is the limit`);
      endCall(call, status.RESOURCE_EXHAUSTED, `${limits.streams} streams are open already`);
      return;
    }
    const admission = gatekeeper.enter(call, protocol.mode);
    if (admission === undefined) return;
    const stream = createStream({
      id: ++streamIds,
      peer: call.getPeer(),
      protocol,
      cache,
      responses: shared,
      quarantine,
      events: { ...events, onNack: refused },
      onlyType,
      keyOf: (node) => options.snapshotKey(node) ?? fallbackKey,
      maxSubscriptions: limits.subscriptions,
      ackTimeoutMs: options.ackTimeoutMs ?? 5000,
      resumeGraceMs: 250,
      write: (body) => call.write(body),
      wake: () => batcher.add(stream),
    });
    const end = () => {
      if (!open.delete(stream)) return;
      batcher.delete(stream);
      stream.close();
      logger?.debug(stream.info, "xDS stream closed");
      events.onStreamClose(stream.info);
    };
    open.set(stream, { call, admission });
    events.onStreamOpen(stream.info);
    call.on("data", (bytes: Buffer) => receive(call, admission, stream, bytes));
    call.on("drain", () => guard(call, () => stream.drained()));
    call.on("end", () => {
      end();
      call.end();
    });
    for (const event of ["cancelled", "error", "close"]) call.on(event, end);
  }

  function receive(
    call: ServerDuplexStream<Buffer, Buffer>,
    admission: Admission,
    stream: XdsStream,
    bytes: Buffer,
  ): void {
    // Again within, since the authorizer may take its time.
    guard(call, () => admission.take(bytes, (it) => guard(call, () => stream.receive(it))));
  }

  function denied(event: DenialEvent): void {
    warnOfDenial(event, `an xDS client is turned away: ${event.reason}`);
    events.onDenied(event);
  }

  function refused(event: NackEvent): void {
    const { node, key, typeUrl, version, errorDetail } = event;
    logger?.warn(
      { node: node.id, key, typeUrl, version, error: errorDetail.message },
      "a proxy refused its configuration",
    );
    events.onNack(event);
  }

  async function shutDown(): Promise<void> {
    batcher.close();
    unsubscribe?.();
    transport.close();
    side.close();
    for (const [stream, { call }] of open) {
      stream.close();
      endCall(call, status.UNAVAILABLE, "the control plane is shutting down");
    }
    await new Promise<void>((resolve) => {
      // Connections that don't close by themselves, an idle one or a dead peer's, are cut.
      const force = setTimeout(() => server.forceShutdown(), 500);
      server.tryShutdown(() => {
        clearTimeout(force);
        resolve();
      });
    });
  }

  function close(): Promise<void> {
    closing ??= shutDown();
    return closing;
  }

  return {
    async listen() {
      if (security.tls === undefined && options.plaintext !== true && !isLoopback(host)) {
        throw new EpoxyError(
          "invalid",
          `The xDS server would serve ${host} in plain text, secrets included. Give it TLS (\`security\`), or \`plaintext: true\` if the network is private.`,
        );
      }
      const bound = await transport.listen();
      logger?.info(bound, "xDS server listens");
      return bound;
    },
    close,
    [Symbol.asyncDispose]: close,
    streams: () => [...open.keys()].map((stream) => stream.describe()),
    fetch(typeUrl, request, peer) {
      metrics.polls++;
      const maxSubscriptions = limits.subscriptions;
      const { snapshotKey } = options;
      const common = { cache, quarantine, responses: responses.sotw, security, snapshotKey, fallbackKey };
      return fetchOnce({ ...common, maxSubscriptions }, typeUrl, request, peer);
    },
    loadReports: side.loadReports,
    metrics,
  };
}

/** Whether an address can be reached from this machine only. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function codeOf(error: unknown): status {
  if (error instanceof InvalidRequest) return status.INVALID_ARGUMENT;
  return error instanceof LimitExceeded ? status.RESOURCE_EXHAUSTED : status.INTERNAL;
}
