/** A word that is none of those allowed; the shell looks for the one that was meant. */
export interface Mistyped {
  readonly word: string;
  readonly candidates: readonly string[];
  /** Stands before the candidate that is suggested, such as `--`. */
  readonly prefix?: string;
  /** What to name where none is near. */
  readonly all?: readonly string[];
}

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly mistyped: Mistyped | undefined;

  constructor(message: string, mistyped?: Mistyped) {
    super(message);
    this.mistyped = mistyped;
  }
}
