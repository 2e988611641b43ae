import type { MessageType } from "./message-type.ts";

/** A JSON value, as `JSON.parse` gives it. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A step of a path into JSON: a key of an object or an index of a list. */
export type PathStep = string | number;

/** Something wrong in the input. */
export interface JsonProblem {
  /** Keys as written, from the root of what was read. */
  readonly path: readonly PathStep[];
  /** Whether the last key of the path is at fault, rather than its value. */
  readonly atKey: boolean;
  readonly message: string;
}

/** Finds the message that an Any holds by its full name, such as `envoy.config.core.v3.Node`. */
export type TypeRegistry = (typeName: string) => MessageType | undefined;

/** Deeper than any configuration is written by hand; keeps hostile input from exhausting the stack. */
export const maxJsonDepth = 100;

const maxProblems = 100;

/** State of one reading: where it is, and all that was wrong so far. */
export interface JsonContext {
  readonly path: PathStep[];
  readonly problems: JsonProblem[];
  readonly types: TypeRegistry;
  /** Whether YAML 1.1's words for booleans (yes, no, on, off) are read as such. */
  readonly yaml: boolean;
}

/** A context that starts at `path`. */
export function createContext(
  options: { types?: TypeRegistry | undefined; yaml?: boolean; path?: readonly PathStep[] } = {},
): JsonContext {
  return {
    path: [...(options.path ?? [])],
    problems: [],
    types: options.types ?? (() => undefined),
    yaml: options.yaml ?? false,
  };
}

/** Whether no more problems are noted. */
export function isFull(context: JsonContext): boolean {
  return context.problems.length >= maxProblems;
}

/** Notes a problem at the present path, or at a key or index below it. Returns undefined: no value. */
export function report(context: JsonContext, message: string, at: { key?: string } = {}): undefined {
  if (isFull(context)) return undefined;
  const path = at.key === undefined ? [...context.path] : [...context.path, at.key];
  context.problems.push({ path, atKey: at.key !== undefined, message });
  return undefined;
}

/** The path as people write it: `virtualHost.routes[2].headers["x-a.b"]`. */
export function pathText(path: readonly PathStep[]): string {
  let text = "";
  for (const step of path.length > 40 ? path.slice(0, 40) : path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[\w@$-]{1,100}$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${quote(step)}]`;
  }
  return path.length > 40 ? `${text}…` : text;
}

/** What was found, for messages: its type, and its value where it is short. A secret's value is never shown. */
export function describe(value: unknown, secret = false): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return secret ? "text" : `the text ${quote(value)}`;
  if (typeof value === "number") return secret ? "a number" : `the number ${value}`;
  return secret || typeof value !== "boolean" ? `a ${typeof value}` : String(value);
}

/** A text in quotes for messages: short, and with nothing in it that a terminal obeys or that hides or reorders what follows. */
export function quote(text: string, length?: number): string {
  return JSON.stringify(shorten(text, length)).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A name as it is, unless it is long or holds what {@link quote} escapes. */
export const printable = (text: string): string => quote(text, 200).slice(1, -1);

/** At most about 40 characters of a text, or as many as are asked for. */
export function shorten(text: string, length = 40): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
