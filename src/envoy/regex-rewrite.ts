import type { RegexMatchAndSubstitute } from "../../generated/proto/epoxy/envoy/v1/regex.ts";
import type { EnvoyRegexMatchAndSubstitute, EnvoyRegexMatcher } from "./api.ts";
import { headerValueFault } from "./checks/header.ts";
import { needsProgramLimit, regexFault, substitutionFault } from "./checks/regex.ts";
import type { TranslationContext } from "./context.ts";
import type { Report } from "./report.ts";

/** Above what any regex that we accept compiles to. */
const PROGRAM_LIMIT = 100_000;

/**
 * Envoy's message for an accepted regex. How large its program may be was checked by us. Envoy's own limit of 100 instructions, which
 * only its bootstrap could lift for all, is lifted for regexes that may need it; the field for this is deprecated,
 * wherefore it is left out where it can be.
 */
export const regexMatcher = (regex: string): EnvoyRegexMatcher => ({
  engineType: needsProgramLimit(regex) ? { $case: "googleRe2", value: { maxProgramSize: PROGRAM_LIMIT } } : undefined,
  regex,
});

/** Translates a regex with its substitution. Undefined: it has errors, which are in the report. */
export function translateRegexRewrite(
  rewrite: RegexMatchAndSubstitute,
  path: string,
  context: TranslationContext,
  report: Report,
): EnvoyRegexMatchAndSubstitute | undefined {
  const regex = rewrite.pattern?.regex ?? "";
  if (regex === "") {
    report.error(`${path}.pattern.regex`, "the regex is empty");
    return undefined;
  }
  const own = rewrite.pattern?.engineType?.value.maxProgramSize;
  const fault = regexFault(regex, own ?? context.settings.regexMaxProgramSize);
  if (fault !== undefined) {
    report.error(`${path}.pattern.regex`, fault);
    return undefined;
  }
  const substitution = substitutionFault(regex, rewrite.substitution) ?? headerValueFault(rewrite.substitution);
  if (substitution !== undefined) {
    report.error(`${path}.substitution`, substitution);
    return undefined;
  }
  return { pattern: regexMatcher(regex), substitution: rewrite.substitution };
}
