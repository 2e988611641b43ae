import { spawn } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Invocation } from "../command.ts";

/** `epoxy codegen`: the generator is a program of its own, which needs what a running system doesn't. */
export async function codegen({ arguments: words, signal }: Invocation<Record<never, never>>): Promise<number> {
  const program = new URL(`../../../codegen/cli${extname(import.meta.url)}`, import.meta.url);
  // Ctrl-C reaches it by itself; it is waited for, so that it can tidy up.
  const child = spawn(process.execPath, [fileURLToPath(program), ...words], { stdio: "inherit" });
  signal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? (signal.aborted ? 130 : 1)));
  });
}
