import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const main = join(import.meta.dirname, "..", "..", "..", "src", "cli", "main.ts");

/** How the command is started. */
export const epoxyCommand = [process.execPath, main] as const;

export interface EpoxyResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface EpoxyOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly nodeArguments?: readonly string[];
}

/** Only what is needed, so that nothing of the developer's own settings takes part. */
export const cleanEnv = (env: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  HOME: "/nonexistent",
  ...env,
});

/** Runs `epoxy` as a user does, and waits for its end. */
export function epoxy(args: readonly string[], options: EpoxyOptions = {}): Promise<EpoxyResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...(options.nodeArguments ?? []), main, ...args], {
      env: cleanEnv(options.env),
      cwd: options.cwd ?? tmpdir(),
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(options.input ?? "");
  });
}

/** A folder of its own for a test, and what a test does with it. */
export interface Bed extends AsyncDisposable {
  readonly dir: string;
  write(path: string, text: string): Promise<void>;
  read(path: string): Promise<string>;
  /** `epoxy … --dir <the folder>`; the words are separated by spaces. */
  run(line: string, options?: EpoxyOptions): Promise<EpoxyResult>;
}

export async function createBed(files: Readonly<Record<string, string>> = {}): Promise<Bed> {
  const dir = await mkdtemp(join(tmpdir(), "epoxy-cli-"));
  const bed: Bed = {
    dir,
    async write(path, text) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), text);
    },
    read: (path) => readFile(join(dir, path), "utf8"),
    run: (line, options) => epoxy([...line.split(" "), "--dir", dir], options),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
  for (const [path, text] of Object.entries(files)) await bed.write(path, text);
  return bed;
}
