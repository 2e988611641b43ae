/** Texts that are tried against a regex are at most this long, so that trying always ends soon. */
const longestText = 256;

/** More repetitions in one regex can make JavaScript's engine slow on some texts; RE2's isn't. */
const mostRepetitions = 3;

/** What RE2 and JavaScript read differently. */
const foreign = /\(\?(?!:)|\\[AzQECpPx0-9]|\[\[:|[*+?}]\+/;

/** A group that is repeated: with a repetition or a choice in it, trying may take exponential time. */
const repeatedGroup = /\)[*+{]/;

/** Whether a regex matches all of a text; undefined: that can't be told here. */
export type WholeMatch = (text: string) => boolean | undefined;

/**
 * Prepares an RE2 expression. It can't be told whether it matches if it is faulty, uses what JavaScript doesn't know, or might take
 * long to try.
 */
export function wholeMatch(regex: string): WholeMatch {
  const ignoresCase = regex.startsWith("(?i)");
  const body = ignoresCase ? regex.slice("(?i)".length) : regex;
  const repetitions = body.match(/[*+{]/g)?.length ?? 0;
  if (repetitions > mostRepetitions || foreign.test(body) || repeatedGroup.test(body)) return () => undefined;
  try {
    const compiled = new RegExp(`^(?:${body})$`, ignoresCase ? "is" : "s");
    return (text) => (text.length > longestText ? undefined : compiled.test(text));
  } catch {
    return () => undefined;
  }
}

/** Whether a regex that matches a text also matches whatever begins with it: it ends by `.*`, on every branch. */
export const matchesAllBelow = (regex: string): boolean =>
  /(?:^|[^\\])(?:\\\\)*\.\*$/.test(regex) && !regex.includes("|");

/** What all texts that a regex matches begin with; empty if that isn't plain to see. */
export function literalStart(regex: string): string {
  if (regex.includes("|") || regex.startsWith("(?")) return "";
  const literal = /^(?:[^\\^$.|?*+()[\]{}]|\\[./-])*/.exec(regex)?.[0] ?? "";
  const isRepeated = /^[?*{]/.test(regex.slice(literal.length));
  const certain = isRepeated ? literal.replace(/(?:\\.|[^\\])$/, "") : literal;
  return certain.replace(/\\(.)/g, "$1");
}
