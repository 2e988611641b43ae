import { createQuarantine, createXdsCache, type Quarantine, typeUrls, type XdsCache } from "../../../src/xds/index.ts";
import { delta } from "../../../src/xds/server/delta.ts";
import { createCounters, type XdsEvents } from "../../../src/xds/server/events.ts";
import { createResponses, type Responses } from "../../../src/xds/server/responses.ts";
import { sotw } from "../../../src/xds/server/sotw.ts";
import { createStream, type XdsStream } from "../../../src/xds/server/stream.ts";
import { type Answer, type Ask, decodeAnswer, encodeAsk } from "./messages.ts";

export const KEY = "gloo-system~gateway-proxy";

export interface StreamRigOptions {
  readonly cache?: XdsCache;
  readonly events?: XdsEvents;
  readonly onlyType?: string;
  readonly ackTimeoutMs?: number;
  readonly resumeGraceMs?: number;
  /** Shared by the streams of one server; defaults to the stream's own. */
  readonly responses?: Responses;
  /** Shared, too; defaults to the stream's own. */
  readonly quarantine?: Quarantine;
  readonly node?: Ask["node"];
  /** Snapshot key; defaults to `KEY`. */
  readonly key?: string;
}

/** One stream of a server without a network: the bytes of requests go in, those of responses come out. */
export interface StreamRig {
  readonly cache: XdsCache;
  readonly stream: XdsStream;
  /** Sends a request. The first one brings a node. */
  ask(ask: Ask): void;
  /** Delivers pending changes, and returns all responses since the last call. */
  answers(): Answer[];
  /** The only response since the last call; undefined if there was none. */
  answer(): Answer | undefined;
  /** Accepts: in SotW with the names that the client wants. */
  ack(answer: Answer | undefined, ask?: Ask): void;
  nack(answer: Answer | undefined, ask?: Ask): void;
  /** From now on the client doesn't read; each write is the last for now. */
  block(): void;
}

export function streamRig(mode: "sotw" | "delta", options: StreamRigOptions = {}): StreamRig {
  const cache = options.cache ?? createXdsCache();
  const written: Buffer[] = [];
  const accepted = new Map<string, string>();
  let writable = true;
  let first = true;
  const common = {
    id: 1,
    peer: "test",
    cache,
    responses: options.responses ?? createResponses(mode, "epoxy"),
    quarantine: options.quarantine ?? createQuarantine(cache),
    events: createCounters(options.events ?? {}).events,
    onlyType: options.onlyType,
    keyOf: () => options.key ?? KEY,
    maxSubscriptions: 1000,
    ackTimeoutMs: options.ackTimeoutMs ?? 60_000,
    resumeGraceMs: options.resumeGraceMs ?? 0,
    write(body: Buffer) {
      written.push(body);
      return writable;
    },
    wake() {},
    waits: () => false,
  };
  const stream =
    mode === "sotw" ? createStream({ ...common, protocol: sotw }) : createStream({ ...common, protocol: delta });
  const rig: StreamRig = {
    cache,
    stream,
    ask(ask) {
      const node = first ? (options.node ?? { id: "envoy-1" }) : undefined;
      first = false;
      stream.receive(encodeAsk(mode, { node, ...ask }));
    },
    answers() {
      stream.flush();
      return written.splice(0).map((body) => decodeAnswer(mode, body));
    },
    answer() {
      const [answer, ...more] = rig.answers();
      if (more.length > 0) throw new Error(`${more.length} responses more than one`);
      return answer;
    },
    ack(answer, ask = {}) {
      const { typeUrl, nonce, version } = present(answer);
      accepted.set(typeUrl, version);
      rig.ask({ typeUrl, nonce, version, ...ask });
    },
    nack(answer, ask = {}) {
      const { typeUrl, nonce } = present(answer);
      rig.ask({ typeUrl, nonce, version: accepted.get(typeUrl) ?? "", error: "refused", ...ask });
    },
    block() {
      writable = false;
    },
  };
  return rig;
}

/** A rig for one type: requests needn't name it. */
export function typeRig(mode: "sotw" | "delta", typeUrl: string = typeUrls.cluster): StreamRig {
  return streamRig(mode, { onlyType: typeUrl });
}

function present(answer: Answer | undefined): Answer {
  if (answer === undefined) throw new Error("there was no response to answer");
  return answer;
}
