import { readFile } from "node:fs/promises";

export interface WatchFilesOptions {
  readonly paths: readonly string[];
  /** Takes the files' contents, in order; called one after the other, when all could be read and one differs. What it throws goes to `onError`. */
  onChange(contents: readonly Buffer[]): void;
  /** New contents can't be read or used; what was there before stays in force. Told once per cause. */
  onError(error: Error): void;
  /** Milliseconds between two looks. */
  readonly intervalMs?: number | undefined;
}

/** A look at content rather than at file events: it sees through symbolic links that are swapped, as Kubernetes does with mounted secrets. */
const INTERVAL_MS = 1000;

/**
 * Reads files now, and again whenever they change. Files that belong together are seldom replaced at the same instant: what can't be used is reported
 * only once it is the same at the next look. Returns the way to end it.
 * @throws what reading or `onChange` throws the first time
 */
export async function watchFiles({ paths, onChange, onError, intervalMs }: WatchFilesOptions): Promise<() => void> {
  let current: readonly Buffer[] = await readAll(paths);
  onChange(current);
  let suspect = "";
  let reported = "";
  let closed = false;
  let timer: NodeJS.Timeout;

  async function look(): Promise<void> {
    let found: readonly Buffer[];
    try {
      found = await readAll(paths);
      if (closed) return;
      if (!sameContents(found, current)) {
        onChange(found);
        current = found;
      }
      suspect = "";
      reported = "";
    } catch (cause) {
      if (closed) return;
      const error = cause instanceof Error ? cause : new Error(String(cause));
      if (error.message === suspect && error.message !== reported) {
        reported = error.message;
        onError(error);
      }
      suspect = error.message;
    }
  }

  function schedule(): void {
    timer = setTimeout(() => void look().then(() => closed || schedule()), intervalMs ?? INTERVAL_MS).unref();
  }

  schedule();
  return () => {
    closed = true;
    clearTimeout(timer);
  };
}

function readAll(paths: readonly string[]): Promise<Buffer[]> {
  return Promise.all(paths.map((path) => readFile(path)));
}

function sameContents(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  return a.every((content, index) => b[index]?.equals(content) === true);
}
