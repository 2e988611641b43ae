import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CheckResult, staticBootstraps } from "../control-plane/check/index.ts";
import { EpoxyError } from "../errors/index.ts";
import type { LocatedFinding } from "./report-findings.ts";

/**
 * Lets Envoy validate what proxies would get, one run for each proxy.
 * @param path the program; undefined: `envoy` on the PATH
 * @throws `unavailable` if it can't be started
 */
export async function askEnvoy(
  served: CheckResult["served"],
  path: string | undefined,
  signal: AbortSignal,
): Promise<readonly LocatedFinding[]> {
  const folder = await mkdtemp(join(tmpdir(), "epoxy-validate-"));
  try {
    const findings: LocatedFinding[] = [];
    const program = path || "envoy";
    // Who asked for Envoy is told that there is none, also where no proxy gets anything yet.
    await run(program, ["--version"], signal);
    for (const [key, bootstrap] of staticBootstraps(served)) {
      const file = join(folder, "envoy.json");
      await writeFile(file, JSON.stringify(bootstrap), { mode: 0o600 });
      const refusal = await refusalOf(program, file, signal);
      if (refusal === undefined) continue;
      const message = `Envoy refuses what the proxy ${key.replace("~", ".")} would get: ${refusal}`;
      findings.push({ severity: "error", message, location: undefined });
    }
    return findings;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What Envoy says against a bootstrap file; undefined: it is all right. */
async function refusalOf(program: string, file: string, signal: AbortSignal): Promise<string | undefined> {
  const args = ["--mode", "validate", "-c", file, "--log-level", "error", "--disable-hot-restart"];
  const { code, output } = await run(program, args, signal);
  return code === 0 ? undefined : essence(output, file, code);
}

/** @throws `unavailable` if the program can't be started */
function run(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], signal });
    let output = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.once("error", (cause: NodeJS.ErrnoException) => {
      if (signal.aborted) return reject(cause);
      const why = cause.code === "ENOENT" ? "it isn't there: name it with --envoy-path or ENVOY_PATH" : cause.message;
      reject(new EpoxyError("unavailable", `${program} can't be started: ${why}`, { cause }));
    });
    child.once("close", (code) => resolve({ code, output }));
  });
}

/** Envoy's log without its prefixes, repetitions and the file that only we know. */
function essence(output: string, file: string, code: number | null): string {
  const lines = output
    .split("\n")
    .map((line) => line.replace(/^(\[[^\]]*\])+ (\[[^\]]*\] )?/, "").replace(`'${file}': `, ""))
    .map((line) => line.replace(/^error initializing configuration /, "").trim())
    .filter((line) => line !== "" && !line.startsWith("exiting"));
  return [...new Set(lines)].slice(0, 5).join("; ") || `it ended with code ${code}`;
}
