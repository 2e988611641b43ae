import type {
  HeaderMatcher,
  Matcher,
  QueryParameterMatcher,
} from "../../generated/proto/epoxy/gloo/matchers/v1/matchers.ts";

export interface Inheritance {
  /** The delegating route's headers, query parameters and methods are added to the delegate's. */
  readonly matchers: boolean;
  /** The delegating route's path replaces the delegate's. */
  readonly path: boolean;
}

export const emptyMatcher: Matcher = {
  pathSpecifier: { $case: "prefix", value: "/" },
  caseSensitive: undefined,
  headers: [],
  queryParameters: [],
  methods: [],
};

/** The path text of a matcher; of a CONNECT matcher the empty string. */
export function pathOf(matcher: Matcher): string {
  const path = matcher.pathSpecifier;
  return path === undefined ? "/" : path.$case === "connectMatcher" ? "" : path.value;
}

const sameHeader = (a: HeaderMatcher, b: HeaderMatcher): boolean =>
  a.name === b.name && a.value === b.value && a.regex === b.regex && a.invertMatch === b.invertMatch;
const sameQuery = (a: QueryParameterMatcher, b: QueryParameterMatcher): boolean =>
  a.name === b.name && a.value === b.value && a.regex === b.regex;

function union<T>(own: readonly T[], inherited: readonly T[], same: (a: T, b: T) => boolean): readonly T[] {
  return [...own, ...inherited.filter((item) => !own.some((candidate) => same(candidate, item)))];
}

/** The delegate's matcher with what it inherits from the delegating route's. */
export function inheritMatcher(child: Matcher, parent: Matcher, inheritance: Inheritance): Matcher {
  const inherited = inheritance.matchers
    ? {
        headers: union(child.headers, parent.headers, sameHeader),
        queryParameters: union(child.queryParameters, parent.queryParameters, sameQuery),
        methods: union(child.methods, parent.methods, (a, b) => a === b),
      }
    : {};
  const path = inheritance.path ? { pathSpecifier: parent.pathSpecifier, caseSensitive: parent.caseSensitive } : {};
  return { ...child, ...inherited, ...path };
}

/**
 * Why the delegate's matcher reaches beyond the delegating route's, or undefined if it doesn't. A route table may only
 * serve what was delegated to it: its path must start with the prefix, and its headers, query parameters and methods
 * must hold all of the parent's.
 */
export function violation(child: Matcher, parent: Matcher): string | undefined {
  const prefix = pathOf(parent);
  if (child.pathSpecifier?.$case === "connectMatcher") {
    if (prefix !== "/" && prefix !== "") return `a connect matcher can't stand below the prefix ${prefix}`;
  } else if (!pathOf(child).startsWith(prefix)) {
    return `required prefix: ${prefix}, prefix: ${pathOf(child)}`;
  }
  if ((child.caseSensitive ?? true) !== (parent.caseSensitive ?? true)) {
    return `required caseSensitive: ${parent.caseSensitive ?? true}, caseSensitive: ${child.caseSensitive ?? true}`;
  }
  const header = parent.headers.find((item) => !child.headers.some((own) => sameHeader(own, item)));
  if (header !== undefined) return `required header: ${header.name}`;
  const query = parent.queryParameters.find((item) => !child.queryParameters.some((own) => sameQuery(own, item)));
  if (query !== undefined) return `required query parameter: ${query.name}`;
  const method = parent.methods.find((item) => !child.methods.includes(item));
  return method === undefined ? undefined : `required method: ${method}`;
}
