import { parseArgs, type ParseArgsConfig } from "node:util";
import type { Command } from "./command.ts";
import type { Option, OptionTable } from "./option.ts";
import { globalOptions } from "./options.ts";
import { UsageError } from "./usage-error.ts";

/** The command that a command line means, and its words. */
export interface FoundCommand {
  /** From the root to the command. */
  readonly path: readonly Command[];
  readonly tokens: readonly Token[];
  /** What stands behind the names of a command that takes all words as they are. */
  readonly rest: readonly string[] | undefined;
}

/** What a command is given. */
export interface CommandInput {
  /** By option. Defaults, environment and configuration file are not in it. */
  readonly values: ReadonlyMap<string, OptionValue>;
  readonly arguments: readonly string[];
}

export type OptionValue = string | number | boolean | readonly string[];

/** What parseArgs tells of each word. */
type Token =
  | {
      readonly kind: "option";
      readonly name: string;
      readonly rawName: string;
      readonly value?: string;
      readonly inlineValue?: boolean;
    }
  | { readonly kind: "positional"; readonly index: number; readonly value: string }
  | { readonly kind: "option-terminator" };

/** The options that a command takes, with the global ones. */
export const optionsOf = (command: Command): OptionTable => ({ ...globalOptions, ...command.options });

/** Finds the command: the names of it and of its groups, between which options may stand. */
export function findCommand(root: Command, words: readonly string[]): FoundCommand {
  const path = [root];
  for (;;) {
    const command = path.at(-1) as Command;
    const tokens = tokenize(command, words);
    const next = tokens.filter((token) => token.kind === "positional")[path.length - 1];
    const child = command.commands.find(
      ({ name, aliases }) => next !== undefined && [name, ...aliases].includes(next.value),
    );
    if (next === undefined || child === undefined) return { path, tokens, rest: undefined };
    path.push(child);
    if (child.passThrough) return { path, tokens: [], rest: words.slice(next.index + 1) };
  }
}

/** Reads options and arguments. @throws UsageError */
export function readInput({ path, tokens, rest }: FoundCommand): CommandInput {
  if (rest !== undefined) return { values: new Map(), arguments: rest };
  const positionals = tokens.filter((token) => token.kind === "positional").slice(path.length - 1);
  const given = positionals.map(({ value }) => value);
  const values = readOptions(path, tokens);
  if (values.get("help") !== true) checkArguments(path, given);
  return { values, arguments: given };
}

function tokenize(command: Command, words: readonly string[]): readonly Token[] {
  const options: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [name, option] of Object.entries({ ...optionsBelow(command), ...optionsOf(command) })) {
    const type = option.type === "flag" ? "boolean" : "string";
    options[name] = { type, multiple: true, ...(option.short === undefined ? {} : { short: option.short }) };
  }
  const config: ParseArgsConfig = { args: [...words], options, strict: false, allowPositionals: true, tokens: true };
  return (parseArgs(config) as unknown as { readonly tokens: readonly Token[] }).tokens;
}

/** Options of a group's commands, which may stand before their names: which of them takes a value matters then. */
const optionsBelow = (command: Command): OptionTable =>
  Object.assign({}, ...command.commands.map((child) => ({ ...optionsBelow(child), ...child.options })));

function readOptions(path: readonly Command[], tokens: readonly Token[]): ReadonlyMap<string, OptionValue> {
  const options = optionsOf(path.at(-1) as Command);
  const values = new Map<string, OptionValue>();
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (option === undefined) throw unknownOption(path, options, token.rawName);
    values.set(token.name, readValue(token.rawName, option, token, values.get(token.name)));
  }
  return values;
}

function readValue(
  rawName: string,
  option: Option,
  token: { readonly value?: string; readonly inlineValue?: boolean },
  before: OptionValue | undefined,
): OptionValue {
  // `-n=x` means the same as `-n x`, as in Gloo.
  const isShortInline = token.inlineValue === true && !rawName.startsWith("--");
  const text = isShortInline ? token.value?.replace(/^=/, "") : token.value;
  if (option.type === "flag") {
    if (text === undefined || text === "true") return true;
    if (text === "false") return false;
    throw new UsageError(`option ${rawName} takes no value (only true or false), found "${text}"`);
  }
  // The next word is taken as it is; one that looks like an option most likely means that the value was forgotten.
  if (text === undefined || (token.inlineValue !== true && /^--?[a-z]/.test(text))) {
    throw new UsageError(`option ${rawName} needs a value: ${rawName} ${option.value}`);
  }
  return valueFromText(rawName, option, text, before);
}

/** @throws UsageError that names the option by `label` */
export function valueFromText(label: string, option: Option, text: string, before?: OptionValue): OptionValue {
  switch (option.type) {
    case "flag":
      return !["", "0", "false"].includes(text);
    case "integer":
      if (!/^\d{1,9}$/.test(text)) throw new UsageError(`option ${label} needs a whole number, found "${text}"`);
      return Number(text);
    case "list":
      return [...((before as readonly string[] | undefined) ?? []), ...splitList(text)];
    case "text": {
      const { choices } = option;
      if (choices === undefined || choices.includes(text)) return text;
      throw new UsageError(`option ${label} can't be "${text}"`, { word: text, candidates: choices, all: choices });
    }
  }
}

/** The values between commas; one in double quotes may hold commas, and a doubled quote for a quote. */
function splitList(text: string): readonly string[] {
  const items = text.match(/"(?:[^"]|"")*"|[^,]+/g) ?? [];
  return items.map((item) =>
    item.length > 1 && item.startsWith('"') ? item.slice(1, -1).replaceAll('""', '"') : item,
  );
}

function unknownOption(path: readonly Command[], options: OptionTable, rawName: string): UsageError {
  const mistyped = { word: rawName.slice(2), candidates: Object.keys(options), prefix: "--" };
  return new UsageError(
    `unknown option ${rawName} of ${commandName(path)}`,
    rawName.startsWith("--") ? mistyped : undefined,
  );
}

function checkArguments(path: readonly Command[], given: readonly string[]): void {
  const command = path.at(-1) as Command;
  const surplus = given[command.arguments.length];
  if (surplus !== undefined && command.arguments.at(-1)?.several !== true) {
    if (command.commands.length === 0) throw new UsageError(`unexpected argument "${surplus}"`);
    const names = command.commands.flatMap(({ name, aliases }) => [name, ...aliases]);
    throw new UsageError(`unknown command "${[...path.slice(1).map(({ name }) => name), surplus].join(" ")}"`, {
      word: surplus,
      candidates: names,
      all: command.commands.map(({ name }) => name),
    });
  }
  const missing = command.arguments[given.length];
  if (missing?.required === true)
    throw new UsageError(`${missing.name} is missing: ${commandName(path)} ${missing.name}`);
}

/** Such as `epoxy add route`. */
export const commandName = (path: readonly Command[]): string => path.map(({ name }) => name).join(" ");
