import type { IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { EpoxyError } from "../errors/index.ts";
import { answeredError, unansweredError } from "./kube-errors.ts";
import { type KubeCredentials, kubeCredentials } from "./kube-credentials.ts";
import type { KubernetesOptions } from "./kube-options.ts";
import { limitRequests } from "./limit-requests.ts";

// An import makes node load its WebSocket client, too: 30 ms of each start.
const { request: requestHttp } = process.getBuiltinModule("node:http");

export interface KubeRequest {
  /** What errors call it: `listing virtualservices.gateway.solo.io`. */
  readonly what: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  readonly body?: object | undefined;
  /** Default `application/json`. */
  readonly contentType?: string | undefined;
  readonly signal: AbortSignal;
}

/** Carries calls to the API server over kept connections: abortable, each with a timeout, with credentials that are current. */
export interface KubeTransport {
  /** For people: `https://127.0.0.1:6443`. Before the first call: the kubeconfig's path. */
  readonly address: string;
  /** Of the context or the Pod. */
  namespace(): Promise<string | undefined>;
  /** The body, parsed. @throws `unavailable`, `invalid`; with the server's words as the cause, see `kubeFailure` */
  call(request: KubeRequest): Promise<unknown>;
  /** Lines of an answer that goes on. @param timeout milliseconds for the whole */
  lines(request: KubeRequest, timeout: number): AsyncGenerator<readonly string[], void, undefined>;
  close(): void;
}

export function createKubeTransport(options: KubernetesOptions): KubeTransport {
  const { timeout = 10_000, rate } = options;
  const turn = rate === undefined ? undefined : limitRequests(rate);
  const credentials: KubeCredentials = kubeCredentials(options);
  let address = options.kubeconfig ?? "the cluster of the kubeconfig";

  /** Resolves to an answer with a good status. */
  async function send(request: KubeRequest, signal: AbortSignal): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt++) {
      const { server, agent, headers } = await credentials.connection();
      address = server.href.replace(/\/$/, "");
      try {
        const response = await dispatch(request, server, { agent, headers, signal });
        if ((response.statusCode ?? 0) < 300) return response;
        const error = answeredError(address, request.what, response.statusCode ?? 0, await textOf(response));
        // A token may have been replaced a moment ago.
        if (response.statusCode !== 401 || attempt > 1) throw error;
        credentials.distrust();
      } catch (error) {
        request.signal.throwIfAborted();
        throw error instanceof EpoxyError ? error : unansweredError(address, request.what, error);
      }
    }
  }

  return {
    get address() {
      return address;
    },
    namespace: async () => (await credentials.connection()).namespace,
    async call(request) {
      await turn?.(request.signal);
      request.signal.throwIfAborted();
      const { ending, end } = withTimeout(request.signal, timeout);
      try {
        return JSON.parse(await textOf(await send(request, ending)));
      } catch (error) {
        request.signal.throwIfAborted();
        throw error instanceof EpoxyError ? error : unansweredError(address, request.what, error);
      } finally {
        end();
      }
    },
    async *lines(request, wholeTimeout) {
      await turn?.(request.signal);
      request.signal.throwIfAborted();
      const { ending, end, extend } = withTimeout(request.signal, timeout);
      try {
        const response = await send(request, ending);
        extend(wholeTimeout + timeout);
        yield* linesOf(response);
      } catch (error) {
        if (request.signal.aborted) return;
        throw error instanceof EpoxyError ? error : unansweredError(address, request.what, error);
      } finally {
        end();
      }
    },
    close: () => credentials.close(),
  };
}

/** Not AbortSignal.any: what it makes of a signal that lives long is collected late. */
function withTimeout(signal: AbortSignal, milliseconds: number) {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal.reason);
  const onTimeout = (): void => controller.abort(new Error("timeout"));
  signal.addEventListener("abort", onAbort, { once: true });
  let timer = setTimeout(onTimeout, milliseconds);
  return {
    ending: controller.signal,
    extend(longer: number) {
      clearTimeout(timer);
      timer = setTimeout(onTimeout, longer);
    },
    end() {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      // Whoever leaves an answer that goes on closes its connection.
      controller.abort();
    },
  };
}

interface DispatchOptions {
  readonly agent: object;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

function dispatch(
  request: KubeRequest,
  server: URL,
  { agent, headers, signal }: DispatchOptions,
): Promise<IncomingMessage> {
  const url = new URL(server.href.replace(/\/$/, "") + request.path);
  for (const [key, value] of Object.entries(request.query ?? {}))
    if (value !== undefined) url.searchParams.set(key, `${value}`);
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const send = url.protocol === "http:" ? requestHttp : requestHttps;
  return new Promise((resolve, reject) => {
    const outgoing = send(
      url,
      {
        method: request.method,
        agent: agent as never,
        signal,
        headers: {
          ...headers,
          accept: "application/json",
          "user-agent": "epoxy",
          ...(body !== undefined && {
            "content-type": request.contentType ?? "application/json",
            "content-length": Buffer.byteLength(body),
          }),
        },
      },
      resolve,
    );
    outgoing.once("error", reject);
    outgoing.setNoDelay(true);
    outgoing.end(body);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  if (!response.complete) throw new Error("the answer broke off");
  return Buffer.concat(chunks).toString();
}

/** The lines of each piece that arrives, as soon as they are whole. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<readonly string[], void, undefined> {
  response.setEncoding("utf8");
  let rest = "";
  for await (const chunk of response) {
    const lines = (rest + (chunk as string)).split("\n");
    rest = lines.pop() ?? "";
    if (lines.length > 0) yield lines;
  }
}
