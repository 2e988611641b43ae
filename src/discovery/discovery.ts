/** A part of discovery that runs until it is closed. */
export interface Discovery extends AsyncDisposable {
  /** What isn't known yet or any more, a line each; empty: all is well. */
  waitingFor(): readonly string[];
  /** Idempotent. What was discovered stays as it is. */
  close(): Promise<void>;
}
