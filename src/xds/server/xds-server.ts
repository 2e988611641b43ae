import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { XdsCache } from "../cache/xds-cache.ts";
import type { LoadReport } from "../load/load-reports.ts";
import { createQuarantine, type Quarantine } from "../quarantine/quarantine.ts";
import { fetchOnce } from "../rest/fetch-once.ts";
import type { Fetched } from "../rest/rest-server.ts";
import type { XdsPeer } from "../security/authorizer.ts";
import { forgetHeaders } from "../security/peer.ts";
import type { XdsSecurity } from "../security/security.ts";
import { typeUrls } from "../type-urls.ts";
import type { CommonRequest, XdsNode } from "../wire.ts";
import { type Batching, createBatcher } from "./batcher.ts";
import { checkPlaintext } from "./check-plaintext.ts";
import { createClientLog } from "./client-log.ts";
import { closeWhenAnswered } from "./close-when-answered.ts";
import { delta } from "./delta.ts";
import {
  createCounters,
  type DenialEvent,
  type NackEvent,
  type StreamState,
  type XdsEvents,
  type XdsMetrics,
} from "./events.ts";
import { createAdmission, type Newcomer } from "./admission.ts";
import { createGatekeeper, endCall, type Entry } from "./gatekeeper.ts";
import { defaultLimits, type XdsLimits } from "./limits.ts";
import { hostOf } from "./limit-lines.ts";
import { limitHeaders } from "./limit-headers.ts";
import { limitMemory } from "./memory-limits.ts";
import { createOutbox } from "./outbox.ts";
import { createResponses, type Responses } from "./responses.ts";
import { discoveryServices } from "./services.ts";
import { addSideServices } from "./side-services.ts";
import { type SlowClientEvent, watchSlowClients } from "./slow-clients.ts";
import { sotw } from "./sotw.ts";
import { statusOf } from "./status-of.ts";
import { createStream, type XdsStream } from "./stream.ts";
import { createTransport } from "./transport.ts";
import type { Protocol } from "./type-stream.ts";
import type { XdsLogger } from "./xds-logger.ts";

export interface XdsServerOptions {
  readonly cache: XdsCache;
  /** Which snapshot a proxy gets; undefined if its node doesn't say. Asked once per stream. */
  snapshotKey(node: Pick<XdsNode, "id" | "cluster" | "metadata">): string | undefined;
  /** Which variant of that snapshot a proxy gets, once it is known that it may have it. Defaults to the snapshot itself. */
  variantKey?(key: string, node: XdsNode): string;
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

/** An open stream and what belongs to it. */
interface Connection extends Newcomer {
  readonly stream: XdsStream;
  readonly call: ServerDuplexStream<Buffer, Buffer>;
  readonly entry: Entry;
  readonly openedAt: number;
  /** Whether it has answered all that it was sent at some time. */
  settled: boolean;
}

/** An xDS server: ADS and one service per type, each in state-of-the-world and delta form; client statuses (CSDS) and load reports (LRS). */
export interface XdsServer extends AsyncDisposable {
  /** Resolves once it accepts connections. Rejects with `unavailable` if the address can't be had. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Ends all streams; proxies keep their configuration and reconnect elsewhere. Idempotent. */
  close(): Promise<void>;
  streams(): StreamState[];
  /** Groups changes like this from now on. What waits is sent at once. */
  setBatching(batching: Batching): void;
  /** Answers an encoded DiscoveryRequest for one type, once: what a REST server in front hands on. */
  fetch(typeUrl: string, request: Uint8Array, peer: XdsPeer): Promise<Fetched>;
  /** What the clients that are connected have reported of their load. */
  loadReports(): LoadReport[];
  readonly metrics: XdsMetrics;
}

/** Of a connection, for the services beside discovery and for being told that there are too many. */
const SPARE_STREAMS = 1000;
/** A stream is for asking: one that doesn't is ended after so many ms. */
const FIRST_REQUEST_MS = 30_000;

export function createXdsServer(options: XdsServerOptions): XdsServer {
  const { cache, fallbackKey, logger } = options;
  const host = options.host ?? "127.0.0.1";
  const identifier = options.identifier ?? "epoxy";
  const quarantine = options.quarantine ?? createQuarantine(cache);
  const limits = { ...defaultLimits, ...options.limits };
  const keepaliveMs = options.keepaliveMs ?? 30_000;
  const { events, metrics } = createCounters(options.events ?? {}, () => admission.waiting);
  const security = options.security ?? {};
  const open = new Map<XdsStream, Connection>();
  const admission = createAdmission({ concurrent: limits.admitted });
  const streamsByPeer = new Map<string, number>();
  const batcher = createBatcher<XdsStream>(options.batching ?? { quietMs: 0, maxWaitMs: 0 }, (stream) => {
    const call = open.get(stream)?.call;
    if (call !== undefined) guard(call, () => stream.flush());
  });
  const responses = { sotw: createResponses("sotw", identifier), delta: createResponses("delta", identifier) };
  const log = createClientLog((fields, message) => logger?.warn(fields, message));
  let streamIds = 0;
  let closing: Promise<void> | undefined;

  const server = new Server({
    "grpc.max_receive_message_length": limits.requestBytes,
    "grpc.max_send_message_length": -1,
    // Of those that are open and those that have ended but whose client doesn't read that; our own limits, which say what is wrong, come first.
    "grpc.max_concurrent_streams": limits.streamsPerConnection + SPARE_STREAMS,
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": Math.ceil((keepaliveMs * 2) / 3),
    ...(options.maxConnectionAgeMs !== undefined && { "grpc.max_connection_age_ms": options.maxConnectionAgeMs }),
    "grpc.max_connection_age_grace_ms": 10_000,
  });
  limitHeaders(server);
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
    for (const [{ info }, { entry }] of open) entry.recheck(info.node);
  });
  const transport = createTransport({
    host,
    port: options.port,
    tls: () => security.tls,
    injector: server.createConnectionInjector(ServerCredentials.createInsecure()),
    maxConnections: limits.streams,
    onClose: (peer) => memory.closed(peer),
    onFailure: (peer, reason) => denied({ peer, node: undefined, key: undefined, code: "connection", reason }),
  });

  const memory = limitMemory({
    limits,
    connections: () => transport.connections,
    cut(peer, bytes, reason) {
      log.limited(peer, { bytes }, `an xDS client is cut off: ${reason}`);
      transport.cut(peer);
    },
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
    maxCalls: limits.streams,
    memory,
    onLoadReport: events.onLoadReport,
  });
  const stopWatching = watchSlowClients({
    slowAfterMs: limits.slowAfterMs,
    closeAfterMs: limits.closeAfterMs,
    clients: () => open.values(),
    onSlow: slow,
    giveUp,
  });

  function keyOf(node: XdsNode): string {
    const key = options.snapshotKey(node) ?? fallbackKey;
    return options.variantKey?.(key, node) ?? key;
  }

  /** Runs what a client caused; if it fails, that client's stream ends, and no other. */
  function guard(call: ServerDuplexStream<Buffer, Buffer>, run: () => void): void {
    try {
      run();
    } catch (error) {
      const code = statusOf(error);
      const failed = code === status.INTERNAL;
      const { message } = error as Error;
      if (failed) log.failed(call.getPeer(), error);
      else log.invalid(call.getPeer(), message);
      endCall(call, code, failed ? "internal error" : message);
    }
  }

  function serve<Request extends CommonRequest>(
    call: ServerDuplexStream<Buffer, Buffer>,
    protocol: Protocol<Request>,
    shared: Responses,
    onlyType: string | undefined,
  ): void {
    closeWhenAnswered(call);
    const peer = call.getPeer();
    const onConnection = streamsByPeer.get(peer) ?? 0;
    if (open.size >= limits.streams || onConnection >= limits.streamsPerConnection) {
      const [count, where] =
        open.size >= limits.streams ? [limits.streams, ""] : [limits.streamsPerConnection, " on this connection"];
      log.limited(peer, {}, `${count} xDS streams are open${where}, which is the limit`);
      forgetHeaders(call);
      endCall(call, status.RESOURCE_EXHAUSTED, `${count} streams are open already${where}`);
      return;
    }
    const entry = gatekeeper.enter(call, protocol.mode);
    if (entry === undefined) return;
    const outbox = createOutbox(
      (body, taken) => call.write(body, taken),
      () => guard(call, () => stream.drained()),
    );
    const stream: XdsStream = createStream({
      id: ++streamIds,
      peer,
      protocol,
      cache,
      responses: shared,
      quarantine,
      events: { ...events, onNack: refused },
      onlyType,
      keyOf,
      maxSubscriptions: limits.subscriptions,
      ackTimeoutMs: options.ackTimeoutMs ?? 5000,
      resumeGraceMs: 250,
      write: outbox.write,
      wake: () => batcher.add(stream),
      waits: () => batcher.waits(stream),
    });
    const connection: Connection = {
      stream,
      call,
      entry,
      outbox,
      host: hostOf(peer),
      openedAt: performance.now(),
      settled: false,
    };
    const impatience = setTimeout(() => {
      endCall(call, status.DEADLINE_EXCEEDED, "no request came on this stream");
    }, FIRST_REQUEST_MS).unref();
    const end = () => {
      if (!open.delete(stream)) return;
      clearTimeout(impatience);
      const others = (streamsByPeer.get(peer) ?? 1) - 1;
      if (others > 0) streamsByPeer.set(peer, others);
      else streamsByPeer.delete(peer);
      admission.leave(connection);
      memory.retained.delete(stream, peer);
      memory.unread.ended(peer, outbox);
      batcher.delete(stream);
      stream.close();
      logger?.debug(stream.info, "xDS stream closed");
      events.onStreamClose(stream.info);
    };
    open.set(stream, connection);
    memory.unread.add(peer, outbox);
    streamsByPeer.set(peer, onConnection + 1);
    events.onStreamOpen(stream.info);
    call.on("data", (bytes: Buffer) => {
      clearTimeout(impatience);
      memory.unfinished.delivered(peer, bytes.length);
      guard(call, () => entry.take(bytes, (it) => receive(connection, it)));
    });
    call.on("end", () => {
      end();
      call.end();
    });
    for (const event of ["cancelled", "error", "close"]) call.on(event, end);
  }

  /** Established clients are answered at once; new ones take turns, and aren't read from while they wait. */
  function receive(connection: Connection, bytes: Buffer): void {
    const { stream, call, openedAt } = connection;
    const isNew = !connection.settled || performance.now() - openedAt < limits.newForMs;
    if (!isNew) return guard(call, () => take(stream, bytes));
    let done = false;
    admission.run(connection, () => {
      done = true;
      guard(call, () => take(stream, bytes));
      connection.settled ||= stream.oldestUnanswered === undefined;
      call.resume();
    });
    if (!done) call.pause();
  }

  function take(stream: XdsStream, bytes: Buffer): void {
    // A request may still come out of the transport's buffers when its stream has ended; nothing is kept for that any more.
    if (!open.has(stream)) return;
    // Before anything is made of it, then as it turned out.
    memory.retained.set(stream, stream.info.peer, stream.retainedBytes + bytes.length);
    stream.receive(bytes);
    if (open.has(stream)) memory.retained.set(stream, stream.info.peer, stream.retainedBytes);
  }

  function slow(event: SlowClientEvent): void {
    log.slow(event);
    events.onSlow(event);
  }

  function giveUp(stream: XdsStream, { waitingFor, waitedMs }: SlowClientEvent): void {
    const connection = open.get(stream);
    if (connection === undefined) return;
    // The status of a stream comes after its data, so it never gets to a client that doesn't read.
    if (waitingFor === "reading") transport.cut(stream.info.peer);
    const seconds = Math.round(waitedMs / 1000);
    endCall(connection.call, status.DEADLINE_EXCEEDED, `no answer to a response for ${seconds} s`);
  }

  function denied(event: DenialEvent): void {
    log.denied(event);
    events.onDenied(event);
  }

  function refused(event: NackEvent): void {
    log.refused(event);
    events.onNack(event);
  }

  async function shutDown(): Promise<void> {
    batcher.close();
    admission.close();
    stopWatching();
    memory.close();
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
      if (security.tls === undefined && options.plaintext !== true) checkPlaintext(host);
      const bound = await transport.listen();
      logger?.info(bound, "xDS server listens");
      return bound;
    },
    close,
    [Symbol.asyncDispose]: close,
    streams: () => [...open.keys()].map((stream) => stream.describe()),
    fetch(typeUrl, request, peer) {
      metrics.polls++;
      const { snapshotKey } = options;
      const common = { cache, quarantine, responses: responses.sotw, security, snapshotKey, keyOf };
      return fetchOnce({ ...common, maxSubscriptions: limits.subscriptions }, typeUrl, request, peer);
    },
    loadReports: side.loadReports,
    setBatching: (batching) => batcher.set(batching),
    metrics,
  };
}
