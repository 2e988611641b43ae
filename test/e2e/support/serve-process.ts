import { join } from "node:path";
import { type Child, startChild } from "../../support/child.ts";
import { httpGet } from "../../support/http-get.ts";
import { waitFor } from "../../support/wait-for.ts";

export interface ServeProcess extends Child {
  /** Waits until `/readyz` says yes. */
  ready(timeout?: number): Promise<void>;
}

const main = join(import.meta.dirname, "../../../src/cli/main.ts");

/** `epoxy serve` as a process of its own, from the sources. */
export function startServe(options: {
  readonly folder: string;
  readonly xdsPort: number;
  readonly adminPort: number;
  readonly args?: readonly string[];
  /** Beside the variables of the test. */
  readonly env?: Readonly<Record<string, string>>;
}): ServeProcess {
  const { folder, xdsPort, adminPort, args = [], env = {} } = options;
  const places = [
    "--dir",
    folder,
    "--xds-address",
    `127.0.0.1:${xdsPort}`,
    "--admin-address",
    `127.0.0.1:${adminPort}`,
  ];
  const child = startChild("node", [main, "serve", ...places, ...args], { env });
  return {
    ...child,
    async ready(timeout = 20_000) {
      const done = await waitFor(
        async () => {
          if (child.ended() !== undefined) return `ended with ${child.ended()}:\n${child.output()}`;
          return (await httpGet(`http://127.0.0.1:${adminPort}/readyz`)).status === 200 ? "ready" : undefined;
        },
        { timeout },
      ).catch((error: unknown) => {
        throw new Error(`epoxy serve did not become ready:\n${child.output()}`, { cause: error });
      });
      if (done !== "ready") throw new Error(done);
    },
  };
}
