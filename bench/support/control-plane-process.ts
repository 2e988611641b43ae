// Run as a program: a control plane on the data folder given as argument. Prints its ports as one line of JSON.
import { join } from "node:path";
import { limitOldGeneration } from "../../src/cli/limit-old-generation.ts";
import { limitYoungGeneration } from "../../src/cli/limit-young-generation.ts";
import { startChild } from "../../test/support/child.ts";
import { waitFor } from "../../test/support/wait-for.ts";

export interface RunningControlPlane {
  readonly pid: number;
  readonly xdsPort: number;
  /** Of the validating webhook; undefined: the Settings want none. */
  readonly webhookPort: number | undefined;
  output(): string;
  stop(): Promise<void>;
}

/** Without it each start compiles TypeScript first, which an installed Epoxy doesn't. */
const NODE_COMPILE_CACHE = join(import.meta.dirname, "..", "results", "compile-cache");

/** Starts a control plane in a process of its own, as it would run, so that its CPU time and memory are its own, too. */
export async function startControlPlane(
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningControlPlane> {
  const child = startChild(process.execPath, [...process.execArgv, import.meta.filename, folder], {
    env: { NODE_COMPILE_CACHE, ...env },
  });
  const line = await waitFor(
    () => {
      if (child.ended() !== undefined) return "ended";
      return /^\{"xdsPort":.*\}$/m.exec(child.output())?.[0];
    },
    { timeout: 60_000, interval: 2 },
  );
  if (line === "ended") throw new Error(`the control plane has ended:\n${child.output()}`);
  const { xdsPort, webhookPort } = JSON.parse(line);
  return { pid: child.pid, xdsPort, webhookPort, output: child.output, stop: child.stop };
}

if (process.argv[1] === import.meta.filename) {
  // As `epoxy serve` does, before the modules are loaded.
  limitYoungGeneration();
  const { createControlPlane } = await import("../../src/control-plane/index.ts");
  const controlPlane = await createControlPlane({
    dataDirectory: process.argv[2] ?? "",
    webhookAddress: { host: "127.0.0.1", port: 0 },
  });
  const ports = { xdsPort: controlPlane.xdsAddress?.port, webhookPort: controlPlane.webhookAddress?.port };
  limitOldGeneration(() => controlPlane.readiness().ready);
  process.stdout.write(`${JSON.stringify(ports)}\n`);
  process.once("SIGTERM", () => void controlPlane.close().then(() => process.exit(0)));
}
