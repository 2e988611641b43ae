import { readStream } from "./read-text.ts";

/** What a command has of the world: its streams and environment. */
export interface Terminal {
  /** Results; for programs as well as people. */
  out(text: string): void;
  /** Everything else: warnings, progress, errors. */
  error(text: string): void;
  /** All of the standard input. */
  input(): Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function processTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // The reader has seen enough, such as `head`: nothing to complain about.
      if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
      throw error;
    });
  }
  return {
    out: (output) => void process.stdout.write(output),
    error: (output) => void process.stderr.write(output),
    input: () => readStream(process.stdin, "standard input"),
    env: process.env,
  };
}
