import { type IncomingHttpHeaders, request } from "node:http";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface HttpOptions {
  /** Default GET. */
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  /** Milliseconds for the whole; default 5,000. */
  readonly timeout?: number | undefined;
}

/** One request on a connection of its own. `headers.host` chooses the virtual host. Rejects if there is no whole answer. */
export function httpGet(url: string | URL, options: HttpOptions = {}): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(options.timeout ?? 5_000);
    const { method = "GET", headers = {} } = options;
    const outgoing = request(url, { method, headers, agent: false, signal }, (incoming) => {
      let body = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (text: string) => {
        body += text;
      });
      incoming.once("error", reject);
      incoming.once("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body }));
    });
    outgoing.once("error", reject);
    outgoing.end(options.body);
  });
}
