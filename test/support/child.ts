import { type ChildProcess, spawn } from "node:child_process";

/** A program that a test runs. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** What it wrote so far, both streams; the last 1 MB of it. */
  output(): string;
  /** Its exit code or signal; undefined while it runs. */
  ended(): string | undefined;
  /** Asks it to end, insists after 5 s, and resolves when it has. */
  stop(): Promise<void>;
  /** Ends it without a chance to tidy up, and resolves when it has. */
  kill(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a program; it never outlives the process of the test. */
export function startChild(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string | undefined>> } = {},
): Child {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
    env: { ...process.env, ...options.env },
  });
  running.add(child);
  let output = "";
  let ended: string | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-1_000_000);
    });
  }
  const gone = new Promise<void>((done) => {
    child.once("error", (error) => {
      ended = `could not be started: ${error.message}`;
      done();
    });
    child.once("close", (code, signal) => {
      ended = `${signal ?? code}`;
      running.delete(child);
      done();
    });
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (ended === undefined) child.kill(signal);
    const insist = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await gone;
    clearTimeout(insist);
  };
  return {
    pid: child.pid ?? -1,
    output: () => output,
    ended: () => ended,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    [Symbol.asyncDispose]: () => end("SIGTERM"),
  };
}
