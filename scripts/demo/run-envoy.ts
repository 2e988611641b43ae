import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { runCli } from "../../src/cli/run-cli.ts";

export interface EnvoyProcess extends AsyncDisposable {
  /** Of the admin page, on 127.0.0.1. */
  readonly adminPort: number;
  /** Resolves with what it wrote when it has ended. */
  readonly ended: Promise<string>;
}

/**
 * Starts Envoy with the bootstrap that `epoxy proxy bootstrap` prints; its files go into `folder`.
 * @throws Error with Envoy's log if it ends before its admin page answers
 */
export async function runEnvoy(binary: string, folder: string, xdsPort: number): Promise<EnvoyProcess> {
  const [file, addressFile] = [join(folder, "envoy.yaml"), join(folder, "envoy-admin-address")];
  await writeFile(file, await bootstrap(xdsPort));
  const files = ["-c", file, "--admin-address-path", addressFile];
  const child = spawn(binary, [...files, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  // Whatever ends this process, Envoy ends with it.
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      log = (log + text).slice(-8_000);
    });
  }
  const state = { running: true };
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", () => resolve(log));
  }).finally(() => {
    state.running = false;
    process.off("exit", killAtExit);
  });
  const end = async (): Promise<void> => {
    child.kill("SIGTERM");
    const insist = setTimeout(() => child.kill("SIGKILL"), 3_000);
    await ended;
    clearTimeout(insist);
  };
  while (state.running) {
    const address = await readFile(addressFile, "utf8").catch(() => "");
    const adminPort = Number(/:(\d+)$/.exec(address)?.[1]);
    if (adminPort > 0) return { adminPort, ended, [Symbol.asyncDispose]: end };
    await delay(20);
  }
  throw new Error(`Envoy does not start:\n${await ended}`);
}

async function bootstrap(xdsPort: number): Promise<string> {
  let text = "";
  const code = await runCli(["proxy", "bootstrap", "--xds-address", `127.0.0.1:${xdsPort}`, "--admin-port", "0"], {
    out: (output) => (text += output),
    error: (output) => process.stderr.write(output),
    input: async () => "",
    env: {},
  });
  if (code !== 0) throw new Error("epoxy proxy bootstrap failed");
  return text;
}
