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

/** What an error carries besides its message. */
export interface EpoxyErrorOptions {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** The resource concerned, such as `VirtualService gloo-system.default`. */
  readonly resource?: string | undefined;
  /** Where in the user's input it is. */
  readonly location?: SourceLocation | undefined;
}

/**
 * The one error class. The message says what, where and what to do, in one line where possible;
 * `code` is for programs. Compare with the guards below, which also see through wrapping (`cause`, AggregateError)
 * and a second copy of this package.
 */
export class EpoxyError extends Error {
  override readonly name = "EpoxyError";
  /** What went wrong, for programs. */
  readonly code: ErrorCode;
  /** The resource concerned, such as `VirtualService gloo-system.default`. */
  readonly resource: string | undefined;
  /** Where in the user's input it is. */
  readonly location: SourceLocation | undefined;

  constructor(code: ErrorCode, message: string, options: EpoxyErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.resource = options.resource;
    this.location = options.location;
  }
}

/**
 * The code of the outermost EpoxyError in `error` and its causes, or undefined if there is none. Several errors at once
 * (AggregateError) have a code only if it is the same for all.
 */
export function errorCode(error: unknown): ErrorCode | undefined {
  return codeWithin(error, 0);
}

/** Deeper than any wrapping by hand; ends circular causes. */
const maxDepth = 32;

function codeWithin(error: unknown, depth: number): ErrorCode | undefined {
  if (depth > maxDepth || typeof error !== "object" || error === null) return undefined;
  const candidate = error as { name?: unknown; code?: unknown; cause?: unknown; errors?: unknown };
  if (candidate.name === "EpoxyError" && typeof candidate.code === "string") return candidate.code as ErrorCode;
  const byCause = codeWithin(candidate.cause, depth + 1);
  if (byCause !== undefined || !Array.isArray(candidate.errors)) return byCause;
  let common: ErrorCode | undefined;
  for (const member of candidate.errors) {
    const code = codeWithin(member, depth + 1);
    if (code === undefined || (common !== undefined && code !== common)) return undefined;
    common = code;
  }
  return common;
}

/** Whether the error, or what it wraps, says that something doesn't exist. */
export const isNotFound = (error: unknown): boolean => errorCode(error) === "not_found";
/** Whether the error, or what it wraps, says that something exists that must not. */
export const isAlreadyExists = (error: unknown): boolean => errorCode(error) === "already_exists";
/** Whether the error, or what it wraps, says that what is stored isn't what the caller thinks it is. */
export const isConflict = (error: unknown): boolean => errorCode(error) === "conflict";
/** Whether the error, or what it wraps, says that the input is wrong: trying again can't help. */
export const isInvalid = (error: unknown): boolean => errorCode(error) === "invalid";
/** Whether the error, or what it wraps, says that something doesn't answer: trying again may help. */
export const isUnavailable = (error: unknown): boolean => errorCode(error) === "unavailable";
