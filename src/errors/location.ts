import { EpoxyError, type EpoxyErrorOptions, type ErrorCode, type SourceLocation } from "./epoxy-error.ts";

/** A place as editors and terminals link it: `source`, `source:line` or `source:line:column`. */
export function formatLocation(location: SourceLocation): string {
  if (location.line === undefined) return location.source;
  if (location.column === undefined) return `${location.source}:${location.line}`;
  return `${location.source}:${location.line}:${location.column}`;
}

/** An error whose message begins with its place: `vs.yaml:12:7: virtualHost.domains: expected a list`. */
export function locatedError(
  code: ErrorCode,
  detail: string,
  location: SourceLocation,
  options: Omit<EpoxyErrorOptions, "location"> = {},
): EpoxyError {
  const path = location.path === undefined || location.path === "" ? "" : `${location.path}: `;
  return new EpoxyError(code, `${formatLocation(location)}: ${path}${detail}`, { ...options, location });
}
