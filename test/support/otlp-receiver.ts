import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as OTLP's JSON has it, with its attributes as an object. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Names of its events. */
  readonly events: readonly string[];
}

/** Takes traces over OTLP/HTTP, as a collector does. */
export interface OtlpReceiver extends AsyncDisposable {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** All that was received, as it was sent. */
  text(): string;
}

export async function startOtlpReceiver(port = 0): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const bodies: string[] = [];
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    const isTraces = request.method === "POST" && request.url === "/v1/traces";
    if (isTraces) {
      bodies.push(body);
      spans.push(...spansOf(JSON.parse(body)));
    }
    response.writeHead(isTraces ? 200 : 404, { "content-type": "application/json" }).end("{}");
  };
  const server = createServer((request, response) => void receive(request, response));
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    text: () => bodies.join("\n"),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** OTLP's JSON has each value under the name of its type, and lists under `values`. */
function plain(value: any): unknown {
  const [only] = Object.values<any>(value ?? {});
  return Array.isArray(only?.values) ? only.values.map(plain) : only;
}

const spansOf = ({ resourceSpans }: any): ReceivedSpan[] =>
  resourceSpans.flatMap(({ resource, scopeSpans }: any) =>
    scopeSpans.flatMap(({ spans }: any) =>
      spans.map(
        (span: any): ReceivedSpan => ({
          ...{
            traceId: span.traceId,
            spanId: span.spanId,
            parentSpanId: span.parentSpanId || undefined,
            name: span.name,
          },
          ...{ start: BigInt(span.startTimeUnixNano), end: BigInt(span.endTimeUnixNano) },
          attributes: Object.fromEntries(
            [...(resource.attributes ?? []), ...(span.attributes ?? [])].map(({ key, value }) => [key, plain(value)]),
          ),
          events: (span.events ?? []).map(({ name }: any) => name),
        }),
      ),
    ),
  );
