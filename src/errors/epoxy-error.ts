/** What went wrong, for programs. The set is closed: adding to it is a change of the API. */
export type ErrorCode = "not_found" | "already_exists" | "conflict" | "invalid" | "unavailable";

/** Where in a user's input something was found. */
export interface SourceLocation {
  /** A file's path, a storage key, or a name such as `standard input`. */
  readonly source: string;
  /** Counted from 1. */
  readonly line?: number | undefined;
  /** Counted from 1. */
  readonly column?: number | undefined;
  /** Path to the field, such as `spec.virtualHost.routes[2].matchers[0].prefix`. */
  readonly path?: string | undefined;
}

export interface EpoxyErrorOptions {
  readonly cause?: unknown;
  /** The resource concerned, such as `VirtualService gloo-system.default`. */
  readonly resource?: string | undefined;
  readonly location?: SourceLocation | undefined;
}

/**
 * The one error class. The message says what, where and what to do, in one line where possible;
 * `code` is for programs. Compare with the guards below, which also see through wrapping (`cause`, AggregateError)
 * and a second copy of this package.
 */
export class EpoxyError extends Error {
  override readonly name = "EpoxyError";
  readonly code: ErrorCode;
  readonly resource: string | undefined;
  readonly location: SourceLocation | undefined;

  constructor(code: ErrorCode, message: string, options: EpoxyErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.resource = options.resource;
    this.location = options.location;
  }
}

/** The code of the outermost EpoxyError in `error` and its causes, or undefined if there is none. */
export function errorCode(error: unknown): ErrorCode | undefined {
  for (let depth = 0; depth < 32 && typeof error === "object" && error !== null; depth++) {
    const candidate = error as { name?: unknown; code?: unknown; cause?: unknown };
    if (candidate.name === "EpoxyError" && typeof candidate.code === "string") return candidate.code as ErrorCode;
    error = candidate.cause;
  }
  return undefined;
}

export const isNotFound = (error: unknown): boolean => errorCode(error) === "not_found";
export const isAlreadyExists = (error: unknown): boolean => errorCode(error) === "already_exists";
export const isConflict = (error: unknown): boolean => errorCode(error) === "conflict";
export const isInvalid = (error: unknown): boolean => errorCode(error) === "invalid";
export const isUnavailable = (error: unknown): boolean => errorCode(error) === "unavailable";
