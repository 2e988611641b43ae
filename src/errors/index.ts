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
