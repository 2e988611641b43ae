import type {
  HeaderMatcher,
  Matcher,
  QueryParameterMatcher,
} from "../../generated/proto/epoxy/gloo/matchers/v1/matchers.ts";
import { EnvoyRouteMatch } from "./api.ts";
import type { EnvoyHeaderMatcher, EnvoyQueryParameterMatcher, EnvoyStringMatcher } from "./api.ts";
import { headerNameFault, headerValueFault, isMethod, printable } from "./checks/header.ts";
import { legalPathPrefix } from "./checks/path.ts";
import { literalPrefix, quoteRegex, regexFault } from "./checks/regex.ts";
import type { TranslationContext } from "./context.ts";
import { regexMatcher } from "./regex-rewrite.ts";
import type { Report } from "./report.ts";

const EMPTY = EnvoyRouteMatch.fromPartial({});

/** What a route without matchers matches. */
export const MATCH_ALL: EnvoyRouteMatch = { ...EMPTY, pathSpecifier: { $case: "prefix", value: "/" } };

/**
 * Translates a matcher.
 *
 * A part that can't be built is widened: the result then matches everything that the part could have meant, so that the
 * route, which has an error and answers 500, keeps this traffic from falling through to later routes. A regex becomes the prefix that
 * is plain to see in it (in the worst case `/`), a path the prefix up to its first illegal character, and a constraint on
 * headers, query parameters or methods is left out.
 */
export function translateMatcher(
  matcher: Matcher,
  path: string,
  context: TranslationContext,
  report: Report,
): EnvoyRouteMatch {
  const headers: EnvoyHeaderMatcher[] = [];
  for (const [index, header] of matcher.headers.entries()) {
    const translated = translateHeader(header, `${path}.headers[${index}]`, context, report);
    if (translated !== undefined) headers.push(translated);
  }
  const methods = translateMethods(matcher.methods, `${path}.methods`, report);
  if (methods !== undefined) headers.push(methods);

  const queryParameters: EnvoyQueryParameterMatcher[] = [];
  for (const [index, parameter] of matcher.queryParameters.entries()) {
    const translated = translateQueryParameter(parameter, `${path}.queryParameters[${index}]`, context, report);
    if (translated !== undefined) queryParameters.push(translated);
  }
  return {
    ...EMPTY,
    pathSpecifier: translatePath(matcher, path, context, report),
    caseSensitive: matcher.caseSensitive,
    headers,
    queryParameters,
  };
}

type PathSpecifier = EnvoyRouteMatch["pathSpecifier"];

function translatePath(matcher: Matcher, path: string, context: TranslationContext, report: Report): PathSpecifier {
  const specifier = matcher.pathSpecifier;
  switch (specifier?.$case) {
    case undefined:
      return MATCH_ALL.pathSpecifier;
    case "connectMatcher":
      return { $case: "connectMatcher", value: {} };
    case "regex":
      return translateRegex(specifier.value, matcher.caseSensitive, path, context, report);
    case "prefix":
    case "exact": {
      const { $case: kind, value } = specifier;
      if (kind === "prefix" && value === "") return MATCH_ALL.pathSpecifier;
      const field = `${path}.${kind}`;
      const legal = legalPathPrefix(value);
      if (value === "" || legal !== value) {
        report.error(
          field,
          value === ""
            ? "the path is empty"
            : `"${printable(value)}" is no path: it may not hold "${printable(value.charAt(legal.length))}" (RFC 3986, section 3.3)`,
        );
        return prefixSpecifier(legal);
      }
      if (!value.startsWith("/") && value !== "*") {
        report.warn(field, `"${printable(value)}" matches nothing: a request's path starts with /`);
      }
      return kind === "prefix" ? { $case: "prefix", value } : { $case: "path", value };
    }
  }
}

function translateRegex(
  regex: string,
  caseSensitive: boolean | undefined,
  path: string,
  context: TranslationContext,
  report: Report,
): PathSpecifier {
  const fault = regex === "" ? "the regex is empty" : regexFault(regex, context.settings.regexMaxProgramSize);
  if (fault !== undefined) {
    report.error(`${path}.regex`, fault);
    return prefixSpecifier(literalPrefix(regex));
  }
  if (caseSensitive === false) {
    report.warn(`${path}.caseSensitive`, "has no effect on a regex: start the regex with (?i)");
  }
  return { $case: "safeRegex", value: regexMatcher(regex) };
}

/** A prefix match that covers at least the paths that start with `prefix`. */
const prefixSpecifier = (prefix: string): PathSpecifier =>
  prefix.startsWith("/") ? { $case: "prefix", value: prefix } : MATCH_ALL.pathSpecifier;

function translateHeader(
  header: HeaderMatcher,
  path: string,
  context: TranslationContext,
  report: Report,
): EnvoyHeaderMatcher | undefined {
  const fault = headerNameFault(header.name, "pseudo-headers allowed");
  if (fault !== undefined) {
    report.error(`${path}.name`, fault);
    return undefined;
  }
  if (header.value === "") return presentHeader(header.name, header.invertMatch);
  const match = translateText(header.value, header.regex, path, context, report);
  if (match === undefined) return undefined;
  return {
    name: header.name,
    headerMatchSpecifier: { $case: "stringMatch", value: match },
    invertMatch: header.invertMatch,
    treatMissingHeaderAsEmpty: false,
  };
}

const presentHeader = (name: string, invertMatch: boolean): EnvoyHeaderMatcher => ({
  name,
  headerMatchSpecifier: { $case: "presentMatch", value: true },
  invertMatch,
  treatMissingHeaderAsEmpty: false,
});

function translateQueryParameter(
  parameter: QueryParameterMatcher,
  path: string,
  context: TranslationContext,
  report: Report,
): EnvoyQueryParameterMatcher | undefined {
  const { name, value, regex } = parameter;
  // Envoy's limit (`max_bytes` of QueryParameterMatcher.name).
  if (name === "" || Buffer.byteLength(name) > 1024) {
    report.error(`${path}.name`, name === "" ? "the parameter's name is empty" : "the name is longer than 1024 bytes");
    return undefined;
  }
  if (value === "") return { name, queryParameterMatchSpecifier: { $case: "presentMatch", value: true } };
  const match = translateText(value, regex, path, context, report);
  return match && { name, queryParameterMatchSpecifier: { $case: "stringMatch", value: match } };
}

function translateText(
  value: string,
  regex: boolean,
  path: string,
  context: TranslationContext,
  report: Report,
): EnvoyStringMatcher | undefined {
  const fault = regex ? regexFault(value, context.settings.regexMaxProgramSize) : headerValueFault(value);
  if (fault !== undefined) {
    report.error(`${path}.value`, fault);
    return undefined;
  }
  return regex ? stringMatcher({ $case: "safeRegex", value: regexMatcher(value) }) : exactly(value);
}

const exactly = (value: string): EnvoyStringMatcher => stringMatcher({ $case: "exact", value });

const stringMatcher = (matchPattern: EnvoyStringMatcher["matchPattern"]): EnvoyStringMatcher => ({
  matchPattern,
  ignoreCase: false,
});

function translateMethods(methods: readonly string[], path: string, report: Report): EnvoyHeaderMatcher | undefined {
  const [first] = methods;
  if (first === undefined) return undefined;
  for (const [index, method] of methods.entries()) {
    if (isMethod(method)) continue;
    report.error(`${path}[${index}]`, `"${printable(method)}" is no method`);
    return undefined;
  }
  const match =
    methods.length === 1
      ? exactly(first)
      : stringMatcher({ $case: "safeRegex", value: regexMatcher(methods.map(quoteRegex).join("|")) });
  return {
    name: ":method",
    headerMatchSpecifier: { $case: "stringMatch", value: match },
    invertMatch: false,
    treatMissingHeaderAsEmpty: false,
  };
}
