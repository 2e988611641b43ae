import { request } from "node:http";
import { EpoxyError } from "../../errors/index.ts";

const TIMEOUT_MS = 10_000;

/**
 * GET on an admin address, as JSON.
 * @param what whose address it is, and how to set it
 * @throws `unavailable` if nobody answers, or not with JSON
 */
export function askAdmin(address: string, path: string, what: string, signal: AbortSignal): Promise<unknown> {
  const url = URL.parse(path, address.includes("://") ? address : `http://${address}`);
  return new Promise((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new EpoxyError("unavailable", `${what} at ${address} doesn't answer: ${why}`));
    if (url === null) return fail("that is no address; write host:port");
    // A request without the pool of fetch, so that the process ends at once.
    const asking = request(url, { agent: false, signal, timeout: TIMEOUT_MS }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => (body += text));
      response.on("error", ({ message }) => fail(message));
      response.on("end", () => {
        if (response.statusCode !== 200)
          return fail(`status ${response.statusCode} to ${path}; is it the right address?`);
        try {
          resolve(JSON.parse(body));
        } catch {
          fail(`no JSON to ${path}; is it the right address?`);
        }
      });
    });
    asking.on("timeout", () => asking.destroy(new Error("it takes too long")));
    asking.on("error", (error: NodeJS.ErrnoException) => {
      if (signal.aborted) return reject(error);
      fail(error.code === "ECONNREFUSED" ? "nothing listens there; is it running?" : error.message);
    });
    asking.end();
  });
}
