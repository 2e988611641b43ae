export { combineErrors, problemsOf } from "./combine.ts";
export type { EpoxyErrorOptions, ErrorCode, SourceLocation } from "./epoxy-error.ts";
export {
  EpoxyError,
  errorCode,
  isAlreadyExists,
  isConflict,
  isInvalid,
  isNotFound,
  isUnavailable,
} from "./epoxy-error.ts";
export { formatLocation, locatedError } from "./location.ts";
