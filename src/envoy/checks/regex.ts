import { RE2JS } from "re2js";
import { printable } from "./header.ts";

/** What is known of a regex that RE2 accepts. */
interface CompiledRegex {
  readonly groups: number;
  /** Instructions of the compiled program: what `regexMaxProgramSize` limits. */
  readonly programSize: number;
}

/**
 * Longest regex, and largest program, that is let through. RE2 itself gives up when its program outgrows 8 MB; these bounds are well
 * below that, also where a character class of Unicode takes RE2 some hundred instructions.
 */
const MAX_LENGTH = 8192;
const MAX_PROGRAM_SIZE = 5_000;
const MAX_UNICODE_PROGRAM_SIZE = 200;

/** Verdicts by regex, since the same regexes are looked at with every change of their virtual host. */
const verdicts = new Map<string, CompiledRegex | string>();
const MAX_VERDICTS = 20_000;

/** Compiles a regex as RE2 would: what is known of it, or what is wrong with it. Envoy knows no other engine. */
function compile(regex: string): CompiledRegex | string {
  const known = verdicts.get(regex);
  if (known !== undefined) return known;
  const verdict = judge(regex);
  if (verdicts.size >= MAX_VERDICTS) verdicts.clear();
  verdicts.set(regex, verdict);
  return verdict;
}

function judge(regex: string): CompiledRegex | string {
  if (regex.length > MAX_LENGTH) return `the regex is longer than ${MAX_LENGTH} characters`;
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(regex);
  } catch (error) {
    return `"${printable(regex)}" is no regex of RE2: ${printable(reason(error))}`;
  }
  const programSize = compiled.programSize();
  const limit = /\\[pP]/.test(regex) ? MAX_UNICODE_PROGRAM_SIZE : MAX_PROGRAM_SIZE;
  if (programSize > limit) return `"${printable(regex)}" is too large for RE2: repeat less`;
  return { groups: compiled.groupCount(), programSize };
}

const reason = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/^error parsing regexp: /, "");

/** Says what is wrong with a regex, or undefined. `maxProgramSize` is the Settings' limit, if there is one. */
export function regexFault(regex: string, maxProgramSize: number | undefined): string | undefined {
  const compiled = compile(regex);
  if (typeof compiled === "string") return compiled;
  if (maxProgramSize !== undefined && compiled.programSize > maxProgramSize) {
    return `"${printable(regex)}" compiles to ${compiled.programSize} instructions; the settings allow ${maxProgramSize}`;
  }
  return undefined;
}

/** Says what is wrong with a substitution for an accepted regex, or undefined: `\0` to `\9` stand for its groups. */
export function substitutionFault(regex: string, substitution: string): string | undefined {
  const compiled = compile(regex);
  if (typeof compiled === "string") return undefined;
  for (let at = substitution.indexOf("\\"); at !== -1; at = substitution.indexOf("\\", at + 2)) {
    const next = substitution[at + 1];
    if (next === "\\") continue;
    if (next === undefined || next < "0" || next > "9") return "a \\ must be followed by a digit or another \\";
    if (Number(next) > compiled.groups) return `\\${next} stands for a group, but the regex has ${compiled.groups}`;
  }
  return undefined;
}

/**
 * Text that everything matched in full by the regex starts with, as far as it is plain to see; also of regexes that RE2
 * refuses. Empty where nothing can be said.
 */
export function literalPrefix(regex: string): string {
  // An alternative could start with anything.
  if (regex.includes("|")) return "";
  let prefix = "";
  let at = regex.startsWith("^") ? 1 : 0;
  while (at < regex.length) {
    const c = regex.charAt(at);
    let literal = c;
    let length = 1;
    if (c === "\\") {
      literal = regex.charAt(at + 1);
      // An escaped letter or digit is a class, a reference or a control character; anything else is itself.
      if (literal === "" || /[0-9A-Za-z\u0080-\uffff]/.test(literal)) break;
      length = 2;
    } else if (/[.[\](){}*+?$^]/.test(c)) {
      break;
    }
    const next = regex.charAt(at + length);
    if (next === "*" || next === "?" || next === "{") break;
    prefix += literal;
    if (next === "+") break;
    at += length;
  }
  return prefix;
}

/** Envoy's default for the runtime key `re2.max_program_size.error_level`: it refuses larger programs. */
const ENVOY_MAX_PROGRAM_SIZE = 100;
/**
 * RE2 works on bytes, and we count characters: what is no plain character of ASCII (a class, a dot, a loop) takes it several
 * instructions. This many is more than it has needed, beyond ASCII's and Unicode's named classes, for which there is no telling.
 */
const MAX_INSTRUCTIONS = 16;
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
const UNPREDICTABLE = /\\[pP]|\(\?[a-zA-Z]*i|\[\[?:|[^\u0000-\u007f]/;

/** Whether Envoy might refuse the accepted regex for its size, if it isn't given a limit with it. */
export function needsProgramLimit(regex: string): boolean {
  const compiled = compile(regex);
  if (typeof compiled === "string") return false;
  if (UNPREDICTABLE.test(regex)) return true;
  const literals = regex.replaceAll(/\[[^\]]*\]|\{[^}]*\}|\\./g, "").replaceAll(/[^\w/-]/g, "").length;
  return literals + Math.max(0, compiled.programSize - literals) * MAX_INSTRUCTIONS > ENVOY_MAX_PROGRAM_SIZE;
}

/** A regex that matches the text itself. */
export const quoteRegex = (text: string): string => text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
