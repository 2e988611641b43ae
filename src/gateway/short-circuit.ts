import type { HeaderMatcher, Matcher } from "../../generated/proto/epoxy/gloo/matchers/v1/matchers.ts";
import { coversPath, pathKeys, type PlainPath, plainPath } from "./covers-path.ts";
import { wholeMatch } from "./covers-regex.ts";
import { emptyMatcher } from "./inherit-matcher.ts";

/** A matcher that never takes a request, since one of an earlier route takes all of them. All numbers are positions, from 0. */
export interface ShortCircuit {
  readonly route: number;
  readonly matcher: number;
  readonly byRoute: number;
  readonly byMatcher: number;
  /** `duplicate`: both say the same; else what the path of the earlier one is. */
  readonly by: "duplicate" | "prefix" | "exact" | "regex";
}

interface Entry {
  readonly route: number;
  readonly index: number;
  readonly matcher: Matcher;
  readonly path: PlainPath;
}

/**
 * Finds the matchers that are never reached, by what Gloo's `warnRouteShortCircuiting` looks for: duplicates, and prefixes and regexes
 * that come before what they contain, where headers, query parameters and methods don't tell the requests apart. Only what is
 * certain is reported: a matcher that several earlier ones cover together isn't.
 */
export function shortCircuits(routes: readonly { readonly matchers: readonly Matcher[] }[]): readonly ShortCircuit[] {
  const found: ShortCircuit[] = [];
  const seen = new Map<string, Entry[]>();
  const keyLengths = new Set<number>();
  const regexes: Entry[] = [];
  for (const [route, { matchers }] of routes.entries()) {
    const own = (matchers.length === 0 ? [emptyMatcher] : matchers).map(
      (matcher, index): Entry => ({ route, index, matcher, path: plainPath(matcher) }),
    );
    for (const later of own) {
      const candidates = [...pathKeys(later.path, keyLengths)].flatMap((key) => seen.get(key) ?? []);
      const earlier = [...candidates, ...regexes]
        .filter((entry) => coversPath(entry.path, later.path) && coversRest(entry.matcher, later.matcher))
        .toSorted((a, b) => a.route - b.route || a.index - b.index)[0];
      if (earlier !== undefined) found.push(shortCircuit(later, earlier));
    }
    for (const entry of own) {
      const { type, key } = entry.path;
      if (type === "regex") {
        regexes.push(entry);
        continue;
      }
      const group = seen.get(key) ?? [];
      group.push(entry);
      seen.set(key, group);
      keyLengths.add(key.length);
    }
  }
  return found;
}

function shortCircuit(later: Entry, earlier: Entry): ShortCircuit {
  const isSame =
    earlier.path.type === later.path.type &&
    earlier.path.text === later.path.text &&
    coversPath(later.path, earlier.path) &&
    coversRest(later.matcher, earlier.matcher);
  return {
    route: later.route,
    matcher: later.index,
    byRoute: earlier.route,
    byMatcher: earlier.index,
    by: isSame || earlier.path.type === "connect" ? "duplicate" : earlier.path.type,
  };
}

/** Whether all conditions of the earlier matcher but that on the path hold wherever those of the later one do. */
function coversRest(earlier: Matcher, later: Matcher): boolean {
  const laterMethods = methodsOf(later);
  const methods =
    earlier.methods.length === 0 ||
    (laterMethods.length > 0 && laterMethods.every((method) => earlier.methods.includes(method)));
  return (
    methods &&
    earlier.headers.every((wanted) => holdsGiven(wanted, later)) &&
    earlier.queryParameters.every((wanted) =>
      later.queryParameters.some((given) => given.name === wanted.name && impliesValue(given, wanted)),
    )
  );
}

/** The methods that a matcher takes; empty: all. A header condition on `:method` says the same. */
function methodsOf(matcher: Matcher): readonly string[] {
  if (matcher.methods.length > 0) return matcher.methods;
  const header = matcher.headers.find(({ name, regex, value }) => name === ":method" && !regex && value !== "");
  return header === undefined || header.invertMatch ? [] : [header.value];
}

function holdsGiven(wanted: HeaderMatcher, { headers, methods }: Matcher): boolean {
  const name = wanted.name.toLowerCase();
  if (name === ":method" && methods.length > 0) {
    const conditions = methods.map((value) => ({ name, value, regex: false, invertMatch: false }));
    return conditions.every((given) => implies(given, wanted));
  }
  return headers.some((given) => given.name.toLowerCase() === name && implies(given, wanted));
}

/** Whether a request that fulfils one condition on a header fulfils another one on the same header. */
function implies(given: HeaderMatcher, wanted: HeaderMatcher): boolean {
  if (given.invertMatch === wanted.invertMatch && given.value === wanted.value) {
    if (given.regex === wanted.regex || given.value === "") return true;
  }
  if (given.invertMatch) return false;
  if (!wanted.invertMatch) return impliesValue(given, wanted);
  // The header is there, with a value that the other condition doesn't exclude.
  if (given.value === "" || given.regex || wanted.value === "") return false;
  return wanted.regex ? wholeMatch(wanted.value)(given.value) === false : wanted.value !== given.value;
}

interface ValueCondition {
  readonly value: string;
  readonly regex: boolean;
}

function impliesValue(given: ValueCondition, wanted: ValueCondition): boolean {
  if (wanted.value === "") return true;
  if (given.value === "") return false;
  if (given.regex) return wanted.regex && (given.value === wanted.value || wanted.value === ".*");
  return wanted.regex ? wholeMatch(wanted.value)(given.value) === true : wanted.value === given.value;
}
