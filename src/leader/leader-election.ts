/** How an election stands, for people. */
export interface LeaderState {
  readonly isLeader: boolean;
  /** Why nothing is known or can be done at present, such as a lock that can't be reached. */
  readonly problem: string | undefined;
}

/**
 * Elects one of several equal processes to write what all of them would write alike: statuses, discovered resources. Being leader
 * is a permission to begin, not a promise: a process can be stopped between looking and writing. So an engine's writes carry a
 * guard that the engine itself checks in the transaction of the write, see the engine's own implementation.
 */
export interface LeaderElection extends AsyncDisposable {
  /** Where the election is held: `the lock gloo/.epoxy/leader of Consul at http://127.0.0.1:8500`. */
  readonly description: string;
  readonly isLeader: boolean;
  readonly state: LeaderState;
  /**
   * Calls `listener` after each change of `isLeader`, and, if this process leads already, at once. Returns the way to end that.
   * A listener must not throw.
   */
  onChange(listener: (isLeader: boolean) => void): () => void;
  /** Takes part until the signal aborts or `close`; then it hands over. May be called once. */
  campaign(signal: AbortSignal): Promise<void>;
  /** Hands over and ends. Idempotent. */
  close(): Promise<void>;
}
