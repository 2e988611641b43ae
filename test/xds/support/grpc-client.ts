import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { type Answer, type Ask, decodeAnswer, encodeAsk } from "./messages.ts";

const ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService";
const aggregated = { sotw: `${ADS}/StreamAggregatedResources`, delta: `${ADS}/DeltaAggregatedResources` };

/** One stream of a client. */
export interface ClientStream {
  /** The first request brings a node, unless it says otherwise. */
  send(ask: Ask): void;
  /** The next response; rejects with the status if the stream ends before. */
  next(): Promise<Answer>;
  ack(answer: Answer, ask?: Ask): void;
  nack(answer: Answer, error: string): void;
  /** The error that ended the stream; undefined if it ended well. */
  readonly ended: Promise<ServiceError | undefined>;
  /** Reads no more, so that what is sent stays on its way. */
  pause(): void;
  resume(): void;
  /** Ends the stream from this side. */
  cancel(): void;
}

/** A connection to an xDS server on loopback. */
export interface XdsClient extends AsyncDisposable {
  stream(mode: "sotw" | "delta", options?: { path?: string; node?: Ask["node"]; metadata?: Metadata }): ClientStream;
}

export interface ConnectOptions {
  /** Defaults to plain text. */
  readonly credentials?: ChannelCredentials;
}

const same = (bytes: Buffer) => bytes;

export function connect(port: number, options: ConnectOptions = {}): XdsClient {
  const client = new Client(`127.0.0.1:${port}`, options.credentials ?? credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
  });
  return {
    stream(mode, options = {}) {
      const call = client.makeBidiStreamRequest(
        options.path ?? aggregated[mode],
        same,
        same,
        options.metadata ?? new Metadata(),
      );
      return clientStream(mode, call, options.node ?? { id: "envoy-1", metadata: { role: "ns~proxy" } });
    },
    async [Symbol.asyncDispose]() {
      client.close();
    },
  };
}

function clientStream(
  mode: "sotw" | "delta",
  call: ClientDuplexStream<Buffer, Buffer>,
  node: NonNullable<Ask["node"]>,
): ClientStream {
  const received: Answer[] = [];
  const waiting: { resolve(answer: Answer): void; reject(error: Error): void }[] = [];
  let first = true;
  let failure: ServiceError | undefined;
  let over = false;
  const ended = new Promise<ServiceError | undefined>((resolve) => {
    const end = () => {
      over = true;
      for (const waiter of waiting.splice(0)) waiter.reject(failure ?? new Error("the stream ended"));
      resolve(failure);
    };
    call.on("error", (error: ServiceError) => {
      failure = error;
      end();
    });
    call.on("end", end);
  });
  call.on("data", (bytes: Buffer) => {
    const answer = decodeAnswer(mode, bytes);
    const next = waiting.shift();
    if (next) next.resolve(answer);
    else received.push(answer);
  });
  const stream: ClientStream = {
    send(ask) {
      call.write(encodeAsk(mode, first ? { node, ...ask } : ask));
      first = false;
    },
    next() {
      const answer = received.shift();
      if (answer !== undefined) return Promise.resolve(answer);
      if (over) return Promise.reject(failure ?? new Error("the stream ended"));
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    ack: ({ typeUrl, nonce, version }, ask = {}) => stream.send({ typeUrl, nonce, version, ...ask }),
    nack: ({ typeUrl, nonce }, error) => stream.send({ typeUrl, nonce, error }),
    ended,
    pause: () => void call.pause(),
    resume: () => void call.resume(),
    cancel: () => call.cancel(),
  };
  return stream;
}
