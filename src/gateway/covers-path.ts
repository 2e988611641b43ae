import type { Matcher } from "../../generated/proto/epoxy/gloo/matchers/v1/matchers.ts";
import { literalStart, matchesAllBelow, type WholeMatch, wholeMatch } from "./covers-regex.ts";

/** The path of a matcher, in one shape: what isn't set and regexes for any path are the prefix `/`. */
export interface PlainPath {
  readonly type: "exact" | "prefix" | "regex" | "connect";
  readonly text: string;
  readonly caseSensitive: boolean;
  /** By which matchers that may have to do with each other are found: all that are taken begin with it, in small letters. */
  readonly key: string;
  /** Of a regex. */
  readonly matches?: WholeMatch;
}

export function plainPath({ pathSpecifier, caseSensitive = true }: Matcher): PlainPath {
  switch (pathSpecifier?.$case) {
    case "connectMatcher":
      return { type: "connect", text: "", caseSensitive: true, key: "CONNECT" };
    case "regex": {
      const regex = pathSpecifier.value;
      if (regex === ".*" || regex === "/.*") return prefix("/", true);
      return { type: "regex", text: regex, caseSensitive: true, key: "", matches: wholeMatch(regex) };
    }
    case "exact":
      return { type: "exact", text: pathSpecifier.value, caseSensitive, key: pathSpecifier.value.toLowerCase() };
    default:
      return prefix(pathSpecifier?.value || "/", caseSensitive);
  }
}

const prefix = (text: string, caseSensitive: boolean): PlainPath => ({
  type: "prefix",
  text,
  caseSensitive,
  key: text.toLowerCase(),
});

/** The keys of matchers that may cover a path; `lengths` are those of all keys there are. Regexes may, too, by any key. */
export function pathKeys(path: PlainPath, lengths: ReadonlySet<number>): ReadonlySet<string> {
  const start = path.type === "regex" ? literalStart(path.text).toLowerCase() : path.key;
  const keys = new Set(["/"]);
  if (path.type === "connect") return new Set([path.key]);
  for (const length of lengths) if (length <= start.length) keys.add(start.slice(0, length));
  return keys;
}

/** Whether every path that `later` takes is taken by `earlier`, as far as that can be told. */
export function coversPath(earlier: PlainPath, later: PlainPath): boolean {
  if (earlier.type === "connect" || later.type === "connect") return earlier.type === later.type;
  // Whatever a path is, it begins so.
  if (earlier.type === "prefix" && earlier.text === "/") return true;
  if (earlier.type === "regex") {
    if (later.type === "regex") return earlier.text === later.text;
    if (!later.caseSensitive) return false;
    const matches = earlier.matches?.(later.text) === true;
    return matches && (later.type === "exact" || matchesAllBelow(earlier.text));
  }
  if (earlier.caseSensitive && !later.caseSensitive && /[a-z]/i.test(later.text)) return false;
  const fold = (text: string): string => (earlier.caseSensitive ? text : text.toLowerCase());
  const start = fold(later.type === "regex" ? literalStart(later.text) : later.text);
  if (earlier.type === "exact") return later.type === "exact" && fold(earlier.text) === start;
  return start.startsWith(fold(earlier.text));
}
