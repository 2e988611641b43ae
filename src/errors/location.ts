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
  return new EpoxyError(code, `${formatLocation(location)}: ${path}${visible(detail)}`, { ...options, location });
}

/** What is quoted from an input, with its control characters escaped: a terminal must not obey them. */
function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(
    /[\0-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
