import { type Server, status } from "@grpc/grpc-js";
import type { LoadIncrement, LoadReport, LoadStream } from "../load/load-reports.ts";
import type { Denial, XdsPeer } from "../security/authorizer.ts";
import { forgetHeaders, peerOf } from "../security/peer.ts";
import type { XdsSecurity } from "../security/security.ts";
import type { ClientStatusSources } from "../status/client-status.ts";
import { decodeRequestNode, type XdsNode } from "../wire.ts";
import { closeWhenAnswered } from "./close-when-answered.ts";
import { denialCodes } from "./gatekeeper.ts";
import type { MemoryLimits } from "./memory-limits.ts";
import { bytesMethod } from "./services.ts";
import { type Answer, createSideCalls, type Refusal, type SideCall } from "./side-calls.ts";
import { LimitExceeded } from "./stream.ts";

export interface SideServicesOptions extends ClientStatusSources {
  /** A caller is told of the clients, and may report as a client, that it would be served as. */
  readonly security: XdsSecurity;
  snapshotKey(node: Pick<XdsNode, "id" | "cluster" | "metadata">): string | undefined;
  readonly fallbackKey: string;
  clusterNames(key: string): readonly string[];
  /** How often clients are to report their load, in ms. */
  readonly loadIntervalMs: number;
  /** Most calls at once. */
  readonly maxCalls: number;
  readonly memory: MemoryLimits;
  onLoadReport(increment: LoadIncrement): void;
}

export interface SideServices {
  loadReports(): LoadReport[];
  close(): void;
}

/** gRPC's own default. An Envoy of 10,000 clusters reports less than that. */
const MAX_REPORT_BYTES = 4 * 1024 * 1024;

// Most servers never need them: their code is loaded by the first call.
const loadStatus = () => import("../status/answer-status.ts");
const loadLoad = () => import("../load/load-reports.ts");

/** Adds the services beside discovery: ClientStatusDiscoveryService and LoadReportingService. */
export function addSideServices(server: Server, options: SideServicesOptions): SideServices {
  const calls = createSideCalls(options);
  const loads = new Map<SideCall, LoadStream>();
  /** Statuses are put together one answer after the other: each may take much memory while it is made. */
  let lastStatus: Promise<unknown> = Promise.resolve();
  const csds = "/envoy.service.status.v3.ClientStatusDiscoveryService";

  const stranger = (peer: XdsPeer): Refusal | undefined => refusal(options.security.authorizer?.authenticate?.(peer));

  async function mayBe(peer: XdsPeer, node: XdsNode, key: string | undefined): Promise<Refusal | undefined> {
    const { authorizer } = options.security;
    if (authorizer === undefined) return undefined;
    try {
      return refusal(await authorizer.authorize(peer, node, key));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { code: status.PERMISSION_DENIED, details: `the authorizer failed: ${reason}` };
    }
  }

  async function statuses(peer: XdsPeer, request: Buffer): Promise<Answer> {
    const { answerStatus } = await loadStatus();
    const shown = await Promise.all(
      options.streams().map(async (stream) => {
        const hidden =
          stream.node === undefined || (await mayBe(peer, stream.node, options.snapshotKey(stream.node))) !== undefined;
        return hidden ? [] : [stream];
      }),
    );
    const answer = answerStatus(request, { ...options, streams: () => shown.flat() });
    return Buffer.isBuffer(answer) ? { body: answer } : answer;
  }

  function serveStatuses(call: SideCall): void {
    closeWhenAnswered(call);
    const peer = peerOf(call);
    forgetHeaders(call);
    const refused = stranger(peer);
    if (refused !== undefined) {
      call.emit("error", refused);
      return;
    }
    calls.serve(call, (bytes) => {
      const answer = lastStatus.then(() => statuses(peer, bytes));
      lastStatus = answer.catch(() => {});
      return answer;
    });
  }

  async function report(call: SideCall, peer: XdsPeer, bytes: Buffer): Promise<Answer | undefined> {
    const { createLoadStream, InvalidLoadReport } = await loadLoad();
    if (bytes.length > MAX_REPORT_BYTES) {
      const details = `a load report has more than ${MAX_REPORT_BYTES} bytes`;
      return { code: status.RESOURCE_EXHAUSTED, details };
    }
    if (!calls.has(call)) return undefined;
    let stream = loads.get(call);
    try {
      if (stream === undefined) {
        // The node is the first field, as it is in a delta request.
        const node = decodeRequestNode("delta", bytes);
        const denied = node && (await mayBe(peer, node, options.snapshotKey(node)));
        if (denied !== undefined || !calls.has(call)) return denied;
        stream = createLoadStream({
          intervalMs: options.loadIntervalMs,
          keyOf: (it) => options.snapshotKey(it) ?? options.fallbackKey,
          clusterNames: options.clusterNames,
          onReport: options.onLoadReport,
        });
        loads.set(call, stream);
      }
      const body = stream.receive(bytes);
      options.memory.retained.set(call, peer.address, stream.retainedBytes);
      return body && { body };
    } catch (error) {
      if (error instanceof LimitExceeded) return { code: status.RESOURCE_EXHAUSTED, details: error.message };
      if (!(error instanceof InvalidLoadReport)) throw error;
      return { code: status.INVALID_ARGUMENT, details: error.message };
    }
  }

  server.addService(
    {
      StreamClientStatus: bytesMethod(`${csds}/StreamClientStatus`),
      // On the wire a single call is a stream of one message each way; so it is kept to the same limits.
      FetchClientStatus: bytesMethod(`${csds}/FetchClientStatus`),
    },
    { StreamClientStatus: serveStatuses, FetchClientStatus: serveStatuses },
  );
  server.addService(
    { StreamLoadStats: bytesMethod("/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats") },
    {
      StreamLoadStats(call: SideCall) {
        closeWhenAnswered(call);
        const peer = peerOf(call);
        forgetHeaders(call);
        const refused = stranger(peer);
        if (refused !== undefined) return call.emit("error", refused);
        for (const event of ["cancelled", "error", "close", "end"]) call.on(event, () => loads.delete(call));
        return calls.serve(call, (bytes) => report(call, peer, bytes));
      },
    },
  );

  return {
    loadReports: () => [...loads.values()].flatMap((stream) => stream.reports()),
    close: calls.close,
  };
}

function refusal(denial: Denial | undefined): Refusal | undefined {
  return denial && { code: denialCodes[denial.code], details: denial.reason };
}
