import { Agent, request } from "node:https";
import type { KubeAddress } from "../../test/support/kubernetes/cluster-access.ts";

/** Kubernetes' API over kept connections, and nothing more than node's HTTPS and JSON.parse: what is measured against. */
export interface KubeApi {
  /** The answer, parsed. @throws with the server's words unless the status is 2xx */
  call(method: string, path: string, body?: object): Promise<any>;
  /** A watch that tells each line when it has been parsed. Resolves once it is open. */
  watch(path: string, onLine: (line: string) => void): Promise<void>;
  close(): void;
}

export function createKubeApi({ port, token, certificate }: KubeAddress): KubeApi {
  const agent = new Agent({ keepAlive: true, ca: certificate });
  const options = (method: string, path: string, contentType = "application/json") => ({
    ...{ host: "127.0.0.1", port, method, path, agent },
    headers: { authorization: `Bearer ${token}`, accept: "application/json", "content-type": contentType },
  });
  const call: KubeApi["call"] = (method, path, body) =>
    new Promise((resolve, reject) => {
      const type = method === "PATCH" ? "application/merge-patch+json" : undefined;
      const outgoing = request(options(method, path, type), (incoming) => {
        let text = "";
        incoming.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        incoming.once("end", () => {
          const { statusCode = 0 } = incoming;
          if (statusCode < 300) return resolve(JSON.parse(text));
          reject(new Error(`${statusCode} to ${method} ${path}: ${text.slice(0, 500)}`));
        });
      });
      outgoing.once("error", reject).setNoDelay(true);
      outgoing.end(body && JSON.stringify(body));
    });
  return {
    call,
    async watch(path, onLine) {
      const { metadata } = await call("GET", `${path}?limit=1`);
      const query = `watch=1&resourceVersion=${metadata.resourceVersion}&timeoutSeconds=3600`;
      await new Promise<void>((resolve, reject) => {
        const outgoing = request(options("GET", `${path}?${query}`), (incoming) => {
          let rest = "";
          incoming.setEncoding("utf8").on("data", (part: string) => {
            const lines = (rest + part).split("\n");
            rest = lines.pop() ?? "";
            for (const line of lines) {
              JSON.parse(line);
              onLine(line);
            }
          });
          // The end of the benchmark.
          incoming.once("error", () => {});
          resolve();
        });
        outgoing.once("error", reject).end();
      });
    },
    close: () => agent.destroy(),
  };
}
