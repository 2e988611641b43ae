import { load } from "js-yaml";

/** The only document of a text. */
export interface PlainYaml {
  readonly json: unknown;
  /** Offset of the first character that is neither space, comment nor marker. */
  readonly start: number;
}

/** Longer texts could exceed the bound on tokens, which the other reader keeps. */
const maxLength = 256 * 1024;

// Characters that are printed, and that no YAML reader takes for a line break or white space, besides the space.
const high = "\\u00a1-\\u167f\\u2010-\\u2027\\u3001-\\ud7ff";
const comment = `#[ -~${high}]*`;
const end = `(?: +${comment}| *)(?:\\n|(?![^]))`;
const doubleQuoted = `"(?:[ !#-\\[\\]-~${high}]|\\\\["\\\\/nt])*"`;
const singleQuoted = `'(?:[ -&(-~${high}]|'')*'`;
/** Words that stand for other things than text, in one spelling or another. */
const notAWord = "(?!(?:[Nn][Uu][Ll][Ll]|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])(?![\\w./-]))";
const word = `${notAWord}[A-Za-z/][\\w./-]*`;
const integer = "(?:0|-?[1-9]\\d{0,14})";
const decimal = "-?(?:0|[1-9]\\d{0,9})\\.\\d{1,5}";
const duration = "\\d{1,9}(?:\\.\\d{1,9})?(?:ms|[smh])";
/** Addresses and versions: no number has several points. */
const address = "\\d{1,9}(?:\\.\\d{1,9}){2,3}";
const key = `(?:(?!__proto__:)${notAWord}[A-Za-z_][\\w./-]*|"[A-Za-z@*][\\w./@*-]*")`;

/** A value within brackets or braces, with so many levels of them within it. */
function flow(levels: number): string {
  if (levels === 0)
    return `(?:${[doubleQuoted, singleQuoted, "true(?![\\w./-])|false(?![\\w./-])", word, address, duration, decimal, integer].join("|")})`;
  return `(?:${flow(0)}|${flowList(levels)}|${flowObject(levels)})`;
}

const flowList = (levels: number): string => bracketed("\\[", flow(levels - 1), "\\]");
const flowObject = (levels: number): string => bracketed("\\{", `${key}: +${flow(levels - 1)}`, "\\}");

function bracketed(open: string, element: string, close: string): string {
  return `${open} *(?:${element} *(?:, *(?!${close})|(?=${close})))*${close}`;
}

const scalar = [
  doubleQuoted,
  singleQuoted,
  "true|false|null",
  integer,
  decimal,
  duration,
  `${address}(?:[:/]\\d{1,5})?`,
  // Plain text. Within it, a colon is followed by no space, and a number sign preceded by none.
  `${notAWord}(?:[A-Za-z_/$(^\\\\]|\\.{1,2}/)(?:[!"$-9;-~]|:(?=[!-~])|(?<=[!-~])#| +(?=[!"$-~]))*`,
].join("|");

// Of each repetition, whatever stands after it can't be its continuation: so matching takes linear time. Indentation
// bounds the nesting, as each level takes a column at least.
const blankLine = new RegExp(` *(?:${comment})?(?:\\n|(?![^]))`, "y");
const startMarker = new RegExp(`---${end}`, "y");
const contentLine = lineWith(1);
/** Apart, as it is large and seldom needed: a pattern is compiled at its first use. */
const flowLine = lineWith(3);

function lineWith(levels: number): RegExp {
  const value = `(?:${scalar}|${flowList(levels)}|${flowObject(levels)})`;
  return new RegExp(` {0,80}(?:- +){0,3}(?:${key}:|-)(?: +${value})?${end}`, "y");
}

/**
 * Reads a text that is one YAML document and plain to see as such, far faster than one can that has to tell where everything
 * stood. Plain: block lists and objects; each value on one line and of a form about which no two readers differ.
 * Undefined for all other texts, and if anything is wrong with it: that, the other reader reports better.
 */
export function readPlainYaml(text: string): PlainYaml | undefined {
  const start = text.length > maxLength ? undefined : plainStart(text);
  if (start === undefined) return undefined;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return { json: load(text), start };
  } catch {
    return undefined;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Where the content of a plain text starts; undefined: there is none, or the text is not plain. */
function plainStart(text: string): number | undefined {
  let at = 0;
  let mayMark = true;
  let start: number | undefined;
  const take = (line: RegExp): boolean => {
    line.lastIndex = at;
    if (!line.test(text)) return false;
    at = line.lastIndex;
    return true;
  };
  while (at < text.length) {
    const begin = at;
    if (take(contentLine)) start ??= begin;
    else if (take(blankLine)) continue;
    else if (mayMark && start === undefined && take(startMarker)) mayMark = false;
    else if (take(flowLine)) start ??= begin;
    else return undefined;
  }
  while (start !== undefined && text[start] === " ") start++;
  return start;
}
