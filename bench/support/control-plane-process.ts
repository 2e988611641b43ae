import { join } from "node:path";
import { bundle } from "../../scripts/bundle.ts";
import { startChild } from "../../test/support/child.ts";
import { waitFor } from "../../test/support/wait-for.ts";

export interface RunningControlPlane {
  readonly pid: number;
  /** When its process was started, as `performance.now()`. */
  readonly started: number;
  readonly xdsPort: number;
  /** Of the validating webhook; undefined: the Settings want none. */
  readonly webhookPort: number | undefined;
  output(): string;
  stop(): Promise<void>;
}

const results = join(import.meta.dirname, "..", "results");
const program = join(results, "epoxy");
/** Beside the one of the user, and used from the second start on as well. */
const NODE_COMPILE_CACHE = join(results, "compile-cache");
const addresses = ["--xds-address", "--admin-address", "--webhook-address"].flatMap((name) => [name, "127.0.0.1:0"]);

let built: Promise<void> | undefined;

/** Starts `epoxy serve`, bundled as it is installed. */
export async function startControlPlane(
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningControlPlane> {
  await (built ??= bundle(join(import.meta.dirname, "../../src/cli/main.ts"), program));
  const started = performance.now();
  const words = ["serve", "--dir", folder, ...addresses, "--json", "--log-level", "warn"];
  const child = startChild(process.execPath, [...process.execArgv, join(program, "main.js"), ...words], {
    env: { NODE_COMPILE_CACHE, ...env },
  });
  const line = await waitFor(
    () => {
      if (child.ended() !== undefined) return "ended";
      return /^\{"dir":.*\}$/m.exec(child.output())?.[0];
    },
    { timeout: 60_000, interval: 2 },
  );
  if (line === "ended") throw new Error(`the control plane has ended:\n${child.output()}`);
  const { xds, webhook } = JSON.parse(line) as { readonly xds: string; readonly webhook?: string };
  return {
    pid: child.pid,
    started,
    xdsPort: Number(xds.split(":").at(-1)),
    webhookPort: webhook === undefined ? undefined : Number(new URL(webhook).port),
    output: child.output,
    stop: child.stop,
  };
}
