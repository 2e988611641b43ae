import { RE2JS } from "re2js";
import type { NodeMatcher } from "../../../generated/envoy/envoy/type/matcher/v3/node.ts";
import type { DoubleMatcher } from "../../../generated/envoy/envoy/type/matcher/v3/number.ts";
import type { StringMatcher } from "../../../generated/envoy/envoy/type/matcher/v3/string.ts";
import type { StructMatcher } from "../../../generated/envoy/envoy/type/matcher/v3/struct.ts";
import type { ValueMatcher } from "../../../generated/envoy/envoy/type/matcher/v3/value.ts";
import type { XdsNode } from "../wire.ts";

/** The matcher can't be judged; the text says why. */
export class InvalidMatcher extends Error {
  override readonly name = "InvalidMatcher";
}

/** Regular expressions by their text, of one request. */
type Expressions = Map<string, RE2JS>;

/**
 * Tells whether a node fulfils one of the matchers, or there are none (envoy/type/matcher/v3/node.proto: of one matcher, the id and all
 * metadata matchers have to fit).
 * @throws InvalidMatcher
 */
export function createNodeMatcher(matchers: readonly NodeMatcher[]): (node: XdsNode) => boolean {
  const expressions: Expressions = new Map();
  return (node) =>
    matchers.length === 0 ||
    matchers.some(
      ({ nodeId, nodeMetadatas }) =>
        (nodeId === undefined || matchesText(nodeId, node.id, expressions)) &&
        nodeMetadatas.every((matcher) => matchesStruct(matcher, node.metadata, expressions)),
    );
}

function matchesStruct({ path, value }: StructMatcher, metadata: unknown, expressions: Expressions): boolean {
  let found = metadata;
  for (const { segment } of path) {
    const key = segment?.value ?? "";
    const inside = typeof found === "object" && found !== null && !Array.isArray(found) && Object.hasOwn(found, key);
    found = inside ? (found as Record<string, unknown>)[key] : undefined;
  }
  return value !== undefined && matchesValue(value, found, expressions);
}

function matchesValue({ matchPattern }: ValueMatcher, value: unknown, expressions: Expressions): boolean {
  switch (matchPattern?.$case) {
    case "nullMatch":
      return value === null;
    case "doubleMatch":
      return typeof value === "number" && matchesNumber(matchPattern.value, value);
    case "stringMatch":
      return typeof value === "string" && matchesText(matchPattern.value, value, expressions);
    case "boolMatch":
      return value === matchPattern.value;
    case "presentMatch":
      return (value !== undefined) === matchPattern.value;
    case "listMatch": {
      const one = matchPattern.value.matchPattern?.value;
      return Array.isArray(value) && one !== undefined && value.some((item) => matchesValue(one, item, expressions));
    }
    case "orMatch":
      return matchPattern.value.valueMatchers.some((matcher) => matchesValue(matcher, value, expressions));
    case undefined:
      throw new InvalidMatcher("a value matcher without a pattern");
  }
}

function matchesNumber({ matchPattern }: DoubleMatcher, value: number): boolean {
  if (matchPattern?.$case === "exact") return value === matchPattern.value;
  if (matchPattern?.$case === "range") return value >= matchPattern.value.start && value < matchPattern.value.end;
  throw new InvalidMatcher("a number matcher without a pattern");
}

function matchesText({ matchPattern, ignoreCase }: StringMatcher, text: string, expressions: Expressions): boolean {
  const fold = (value: string): string => (ignoreCase ? value.toLowerCase() : value);
  switch (matchPattern?.$case) {
    case "exact":
      return fold(text) === fold(matchPattern.value);
    case "prefix":
      return fold(text).startsWith(fold(matchPattern.value));
    case "suffix":
      return fold(text).endsWith(fold(matchPattern.value));
    case "contains":
      return fold(text).includes(fold(matchPattern.value));
    case "safeRegex":
      return compiled(matchPattern.value.regex, expressions).matches(text);
    case "custom":
      throw new InvalidMatcher("a custom string matcher, which is an extension of Envoy's");
    case undefined:
      throw new InvalidMatcher("a string matcher without a pattern");
  }
}

function compiled(regex: string, expressions: Expressions): RE2JS {
  try {
    // Never backtracks: whoever asks decides on the pattern.
    const expression = expressions.get(regex) ?? RE2JS.compile(regex);
    expressions.set(regex, expression);
    return expression;
  } catch (error) {
    throw new InvalidMatcher(
      `the regular expression ${regex}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
