import { type sendUnaryData, type Server, type ServerDuplexStream, type ServerUnaryCall, status } from "@grpc/grpc-js";
import type { LoadIncrement, LoadReport, LoadStream } from "../load/load-reports.ts";
import type { ClientStatusSources } from "../status/client-status.ts";
import type { Denial, XdsPeer } from "../security/authorizer.ts";
import { peerOf } from "../security/peer.ts";
import type { XdsSecurity } from "../security/security.ts";
import { decodeRequestNode, type XdsNode } from "../wire.ts";
import { denialCodes } from "./gatekeeper.ts";
import { bytesMethod } from "./services.ts";

/** Who calls a service beside discovery. */
type SideCall = ServerDuplexStream<Buffer, Buffer> | ServerUnaryCall<Buffer, Buffer>;

export interface SideServicesOptions extends ClientStatusSources {
  /** A caller is told of the clients, and may report as a client, that it would be served as. */
  readonly security: XdsSecurity;
  snapshotKey(node: Pick<XdsNode, "id" | "cluster" | "metadata">): string | undefined;
  readonly fallbackKey: string;
  clusterNames(key: string): readonly string[];
  /** How often clients are to report their load, in ms. */
  readonly loadIntervalMs: number;
  /** Most streams of load reports at once. */
  readonly maxStreams: number;
  /** A request came. */
  onMessage(peer: string, bytes: number): void;
  onLoadReport(increment: LoadIncrement): void;
}

export interface SideServices {
  loadReports(): LoadReport[];
  close(): void;
}

interface Refusal {
  readonly code: status;
  readonly details: string;
}

type Answer = { readonly body: Buffer } | Refusal;

// Most servers never need them: their code is loaded by the first call.
const loadStatus = () => import("../status/answer-status.ts");
const loadLoad = () => import("../load/load-reports.ts");

/** Adds the services beside discovery: ClientStatusDiscoveryService and LoadReportingService. */
export function addSideServices(server: Server, options: SideServicesOptions): SideServices {
  const loads = new Map<SideCall, LoadStream | undefined>();
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
    return typeof answer === "string" ? { code: status.INVALID_ARGUMENT, details: answer } : { body: answer };
  }

  /** Handles what comes on a stream in order; what isn't answered well ends it. */
  function each(
    call: ServerDuplexStream<Buffer, Buffer>,
    handle: (bytes: Buffer) => Promise<Answer | undefined>,
  ): void {
    let last = Promise.resolve();
    call.on("data", (bytes: Buffer) => {
      options.onMessage(call.getPeer(), bytes.length);
      call.pause();
      last = last.then(async () => {
        const answer = await handle(bytes).catch(failed);
        if (call.cancelled) return;
        if (answer !== undefined && "code" in answer) call.emit("error", answer);
        else if (answer !== undefined) call.write(answer.body);
        call.resume();
      });
    });
    call.on("end", () => void last.then(() => call.end()));
    call.on("error", () => {});
  }

  server.addService(
    {
      StreamClientStatus: bytesMethod(`${csds}/StreamClientStatus`),
      FetchClientStatus: { ...bytesMethod(`${csds}/FetchClientStatus`), requestStream: false, responseStream: false },
    },
    {
      StreamClientStatus(call: ServerDuplexStream<Buffer, Buffer>) {
        const peer = peerOf(call);
        const refused = stranger(peer);
        if (refused !== undefined) call.emit("error", refused);
        else each(call, (bytes) => statuses(peer, bytes));
      },
      FetchClientStatus(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) {
        const peer = peerOf(call);
        const refused = stranger(peer);
        if (refused !== undefined) return callback(refused);
        void answerOnce(statuses(peer, call.request), callback);
      },
    },
  );
  server.addService(
    { StreamLoadStats: bytesMethod("/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats") },
    {
      StreamLoadStats(call: ServerDuplexStream<Buffer, Buffer>) {
        const peer = peerOf(call);
        const refused =
          loads.size >= options.maxStreams
            ? { code: status.RESOURCE_EXHAUSTED, details: `${options.maxStreams} streams are open already` }
            : stranger(peer);
        if (refused !== undefined) return call.emit("error", refused);
        loads.set(call, undefined);
        for (const event of ["cancelled", "error", "close", "end"]) call.on(event, () => loads.delete(call));
        each(call, async (bytes) => {
          const { createLoadStream, InvalidLoadReport } = await loadLoad();
          if (loads.get(call) === undefined) {
            // The node is the first field, as it is in a delta request.
            const node = decodeRequestNode("delta", bytes);
            const denied = node && (await mayBe(peer, node, options.snapshotKey(node)));
            if (denied !== undefined) return denied;
          }
          if (!loads.has(call)) return undefined;
          const stream =
            loads.get(call) ??
            createLoadStream({
              intervalMs: options.loadIntervalMs,
              keyOf: ({ id, cluster, metadata }) =>
                options.snapshotKey({ id, cluster, metadata: metadata ?? {} }) ?? options.fallbackKey,
              clusterNames: options.clusterNames,
              onReport: options.onLoadReport,
            });
          loads.set(call, stream);
          try {
            const body = stream.receive(bytes);
            return body && { body };
          } catch (error) {
            if (!(error instanceof InvalidLoadReport)) throw error;
            return { code: status.INVALID_ARGUMENT, details: error.message };
          }
        });
      },
    },
  );

  return {
    loadReports: () => [...loads.values()].flatMap((stream) => stream?.reports() ?? []),
    close() {
      for (const call of loads.keys()) {
        call.emit("error", { code: status.UNAVAILABLE, details: "the control plane is shutting down" });
      }
      loads.clear();
    },
  };
}

async function answerOnce(answering: Promise<Answer>, callback: sendUnaryData<Buffer>): Promise<void> {
  const answer = await answering.catch(failed);
  if ("code" in answer) callback(answer);
  else callback(null, answer.body);
}

function refusal(denial: Denial | undefined): Refusal | undefined {
  return denial && { code: denialCodes[denial.code], details: denial.reason };
}

function failed(): { code: status; details: string } {
  return { code: status.INTERNAL, details: "internal error" };
}
