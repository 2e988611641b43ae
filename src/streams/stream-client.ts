import { type ChannelCredentials, Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { Node } from "../../generated/envoy/envoy/config/core/v3/base.ts";
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from "../../generated/envoy/envoy/service/discovery/v3/discovery.ts";
import { Status } from "../../generated/envoy/google/rpc/status.ts";
import { EpoxyError } from "../errors/index.ts";
import {
  decodeBinary,
  deepFreeze,
  type Kind,
  parseRefKey,
  type Ref,
  type Resource,
  refKey,
} from "../resources/index.ts";
import { type Clock, createBackoff, systemClock } from "../storage/index.ts";
import { typeUrlOf } from "./publisher.ts";

export interface StreamClientOptions<T> {
  /** `host:port` of the server. */
  readonly address: string;
  /** Who this client says it is. */
  readonly node: {
    readonly id: string;
    readonly cluster?: string | undefined;
    readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  };
  /** Defaults to plain text. */
  readonly credentials?: ChannelCredentials | undefined;
  /** Defaults to all resources. */
  readonly names?: readonly Ref[] | undefined;
  /**
   * Asked of each resource before it counts: if it throws, the server is told why and goes on with the others; this client keeps the
   * version that it has.
   */
  readonly accept?: ((resource: T) => void) | undefined;
  /** The stream broke; it is opened again, with backoff, and what is known stays. */
  readonly onError?: ((error: EpoxyError) => void) | undefined;
  readonly clock?: Clock | undefined;
}

export interface StreamChange<T> {
  /** Created or changed. Deeply frozen. */
  readonly changed: readonly T[];
  readonly removed: readonly Ref[];
}

/** The resources of one kind as a server streams them (incremental xDS over ADS). */
export interface StreamClient<T> extends AsyncDisposable {
  /** Resolves when the server has answered for the first time. Rejects if the client is closed before. */
  readonly synced: Promise<void>;
  list(): readonly T[];
  get(ref: Ref): T | undefined;
  /** Calls back after each response that changes something. Returns the way to end it. */
  subscribe(listener: (change: StreamChange<T>) => void): () => void;
  /** Idempotent. */
  close(): Promise<void>;
}

const METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const INVALID_ARGUMENT = 3;

const same = (bytes: Buffer): Buffer => bytes;

export function createStreamClient<T extends Resource>(
  kind: Kind<T>,
  options: StreamClientOptions<T>,
): StreamClient<T> {
  const typeUrl = typeUrlOf(kind);
  const clock = options.clock ?? systemClock;
  const channel = new Client(options.address, options.credentials ?? credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.keepalive_time_ms": 30_000,
  });
  const known = new Map<string, { readonly version: string; readonly resource: T }>();
  const listeners = new Set<(change: StreamChange<T>) => void>();
  const synced = Promise.withResolvers<void>();
  const closing = new AbortController();
  // Nobody has to wait for it.
  synced.promise.catch(() => {});

  /** Takes a response whole, or not at all. @throws what is wrong with it */
  function take(response: DeltaDiscoveryResponse): void {
    const changed = new Map<string, { version: string; resource: T }>();
    for (const { name, version, resource } of response.resources) {
      if (resource === undefined) continue;
      try {
        const decoded = deepFreeze(decodeBinary(kind.type, resource.value) as T);
        options.accept?.(decoded);
        changed.set(name, { version, resource: decoded });
      } catch (error) {
        throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
    for (const [name, it] of changed) known.set(name, it);
    const removed = response.removedResources.filter((name) => known.delete(name)).map(parseRefKey);
    synced.resolve();
    if (changed.size === 0 && removed.length === 0) return;
    const change = { changed: [...changed.values()].map(({ resource }) => resource), removed };
    for (const listener of listeners) listener(change);
  }

  function send(call: ClientDuplexStream<Buffer, Buffer>, request: Partial<DeltaDiscoveryRequest>): void {
    const whole = { ...DeltaDiscoveryRequest.fromPartial({ typeUrl }), ...request };
    call.write(Buffer.from(DeltaDiscoveryRequest.encode(whole).finish()));
  }

  function answer(call: ClientDuplexStream<Buffer, Buffer>, bytes: Buffer): void {
    const response = DeltaDiscoveryResponse.decode(bytes);
    let errorDetail: Status | undefined;
    try {
      take(response);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      errorDetail = { ...Status.fromPartial({ message }), code: INVALID_ARGUMENT };
    }
    send(call, { responseNonce: response.nonce, errorDetail });
  }

  /** One stream, until it ends. Returns for how long it was answered, in ms. */
  function stream(): Promise<{ error: EpoxyError; lived: number }> {
    return new Promise((resolve) => {
      let answered: number | undefined;
      const call = channel.makeBidiStreamRequest(METHOD, same, same);
      const cancel = (): void => call.cancel();
      const end = (reason: string, cause?: unknown): void => {
        closing.signal.removeEventListener("abort", cancel);
        const message = `the stream of ${kind.plural} from ${options.address} ended: ${reason}`;
        const lived = answered === undefined ? 0 : clock.now() - answered;
        resolve({ error: new EpoxyError("unavailable", message, { cause }), lived });
      };
      closing.signal.addEventListener("abort", cancel);
      call.on("data", (bytes: Buffer) => {
        answered ??= clock.now();
        try {
          answer(call, bytes);
        } catch (error) {
          call.cancel();
          end(`its response can't be read: ${error instanceof Error ? error.message : String(error)}`, error);
        }
      });
      call.on("error", (error) => end(error.message, error));
      call.on("end", () => end("the server closed it"));
      const { id, cluster = "", metadata } = options.node;
      send(call, {
        node: { ...Node.fromPartial({ id, cluster }), metadata },
        resourceNamesSubscribe: options.names?.map(refKey) ?? ["*"],
        initialResourceVersions: Object.fromEntries([...known].map(([name, { version }]) => [name, version])),
      });
    });
  }

  async function run(): Promise<void> {
    const backoff = createBackoff(clock);
    while (!closing.signal.aborted) {
      const { error, lived } = await stream();
      if (closing.signal.aborted) return;
      options.onError?.(error);
      await clock.sleep(backoff.next(lived), closing.signal).catch(() => {});
    }
  }

  const running = run();
  async function close(): Promise<void> {
    closing.abort();
    synced.reject(new EpoxyError("unavailable", `the client of ${kind.plural} at ${options.address} was closed`));
    await running;
    channel.close();
  }

  return {
    synced: synced.promise,
    list: () => [...known.values()].map(({ resource }) => resource),
    get: (ref) => known.get(refKey(ref))?.resource,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
