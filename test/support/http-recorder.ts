import { type AddressInfo } from "node:net";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";

/** A real server seen through a proxy that writes down what is asked, and can answer in its place. */
export interface HttpRecorder extends AsyncDisposable {
  readonly address: string;
  /** `METHOD /path`, in the order in which they came. */
  readonly requests: string[];
  /** Asked before each request is passed on: what it answers is answered instead of the server; undefined: the server answers. */
  answer: ((line: string) => RecordedAnswer | undefined | Promise<undefined>) | undefined;
  close(): Promise<void>;
}

export interface RecordedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export async function startHttpRecorder(port: number): Promise<HttpRecorder> {
  const requests: string[] = [];
  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const line = `${incoming.method} ${incoming.url}`;
    requests.push(line);
    const instead = await recorder.answer?.(line);
    if (instead !== undefined) {
      incoming.resume();
      outgoing.writeHead(instead.status, instead.headers).end(instead.body);
      return;
    }
    const { method, url: path, headers } = incoming;
    const forwarded = request({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.once("error", () => outgoing.destroy());
    incoming.pipe(forwarded);
  };
  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  const recorder: HttpRecorder = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: undefined,
    close,
    [Symbol.asyncDispose]: close,
  };
  return recorder;
}
