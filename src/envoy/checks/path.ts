// The characters of a path of RFC 3986 section 3.3: unreserved, sub-delims, `:`, `@`, `/`, and whole percent escapes.
const LEGAL = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*/;

/** The longest start of the path that is legal; the whole path if all of it is. */
export const legalPathPrefix = (path: string): string => LEGAL.exec(path)?.[0] ?? "";
