import type { Command, Example } from "./command.ts";
import { commandName } from "./command-line.ts";
import type { Option, OptionTable } from "./option.ts";
import { globalOptions, storageOptions } from "./options.ts";

const width = 100;

/** The help of the last command of a path. Ends with a line break. */
export function renderHelp(path: readonly Command[]): string {
  const command = path.at(-1) as Command;
  const own = Object.entries(globalOptions).filter(([name]) => !Object.hasOwn(storageOptions, name));
  const sections = [
    [sentence(command.summary), ...command.description].map((paragraph) => wrap(paragraph, "").join("\n")).join("\n\n"),
    section("Usage", [usageOf(path)]),
    section(
      "Commands",
      columns(command.commands.map(({ name, aliases, summary }) => [[name, ...aliases].join(", "), summary])),
    ),
    section("Options", columns(optionRows(command.options))),
    section("Where the resources are", command.usesStorage ? columns(optionRows(storageOptions)) : []),
    section("Options of all commands", columns(optionRows(Object.fromEntries(own)))),
    section(
      "Examples",
      examplesOf(command).flatMap(({ does, command: line }, index) => [
        ...(index === 0 ? [] : [""]),
        `# ${does}`,
        line,
      ]),
    ),
    path.length === 1 ? section("Exit codes", exitCodes) : "",
    command.commands.length === 0 ? "" : `\nRun "${commandName(path)} COMMAND --help" for more on a command.\n`,
  ];
  return sections.join("");
}

/** A group that has none shows one of each of its commands. */
const examplesOf = (command: Command): readonly Example[] =>
  command.examples.length > 0 ? command.examples : command.commands.flatMap((child) => examplesOf(child).slice(0, 1));

const exitCodes = [
  "0    done",
  "1    failed, or the answer is incomplete because something stored can't be read (see stderr)",
  "2    the command line is wrong",
  "130  interrupted",
];

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function usageOf(path: readonly Command[]): string {
  const command = path.at(-1) as Command;
  const argumentText = command.arguments.map(({ name, required, several }) => {
    const text = several === true ? `${name}...` : name;
    return required === true ? text : `[${text}]`;
  });
  const parts = command.passThrough ? ["[ARGUMENT...]"] : [...argumentText, "[OPTIONS]"];
  const own = command.load === undefined ? [] : [[commandName(path), ...parts].join(" ")];
  const children = command.commands.length === 0 ? [] : [`${commandName(path)} COMMAND`];
  return [...own, ...children].join("\n  ");
}

function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return title === "" ? "\n" : "";
  const body = lines.map((line) => (line === "" ? "" : `  ${line}`)).join("\n");
  return `${title === "Usage" ? "\n\n" : "\n"}${title}:\n${body}\n`;
}

function optionRows(options: OptionTable): readonly (readonly [string, string])[] {
  return Object.entries(options).map(([name, option]) => {
    const short = option.short === undefined ? "    " : `-${option.short}, `;
    const value = option.type === "flag" ? "" : ` ${option.value}`;
    return [`${short}--${name}${value}`, optionHelp(option)];
  });
}

function optionHelp(option: Option): string {
  const choices = option.type === "text" && option.choices !== undefined ? `: ${option.choices.join(", ")}` : "";
  const repeated = option.type === "list" ? "; several: commas, or the option again" : "";
  const fallback = "default" in option && option.default !== undefined ? ` (default ${option.default})` : "";
  const env = option.env === undefined ? "" : ` [$${option.env}]`;
  return `${option.help}${choices}${repeated}${fallback}${env}`;
}

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const left = Math.min(36, Math.max(0, ...rows.map(([name]) => name.length)));
  return rows.flatMap(([name, text]) => {
    const [first = "", ...rest] = wrap(text, " ".repeat(left + 2), width - 2 - left - 2);
    const own = name.length > left ? [name, `${" ".repeat(left + 2)}${first}`] : [`${name.padEnd(left)}  ${first}`];
    return [...own, ...rest];
  });
}

/** Lines of at most `limit` characters; from the second on behind `indent`. */
function wrap(text: string, indent: string, limit: number = width): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > limit) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((content, index) => (index === 0 ? content : indent + content));
}
