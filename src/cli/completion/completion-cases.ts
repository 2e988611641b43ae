import { registry } from "../find-kind.ts";
import type { Command } from "../command.ts";
import { optionsOf } from "../command-line.ts";
import { storageOptions } from "../options.ts";

/** What may stand behind the names of a command. */
export interface CompletionCase {
  /** The names from the root on, such as `add route`; empty: the root's. */
  readonly path: string;
  readonly commands: readonly Candidate[];
  readonly options: readonly OptionCandidate[];
  /** What the first argument may be. */
  readonly words: readonly string[];
  /** Whether arguments are files. */
  readonly takesFiles: boolean;
}

export interface Candidate {
  readonly word: string;
  readonly help: string;
}

export interface OptionCandidate extends Candidate {
  /** Without the hyphen. */
  readonly short: string | undefined;
  readonly takesValue: boolean;
  /** The only values. */
  readonly values: readonly string[];
  /** Whether the value is a file or folder. */
  readonly isFile: boolean;
}

/** All command lines as data, one case for each way to name a command. */
export function completionCases(root: Command): readonly CompletionCase[] {
  return casesOf(root, [""]);
}

function casesOf(command: Command, paths: readonly string[]): readonly CompletionCase[] {
  const options = Object.entries(optionsOf(command))
    .filter(([name]) => command.usesStorage || name === "dir" || !Object.hasOwn(storageOptions, name))
    .map(
      ([name, option]): OptionCandidate => ({
        word: name,
        short: option.short,
        help: option.help,
        takesValue: option.type !== "flag",
        values: option.type === "text" ? (option.choices ?? []) : [],
        isFile: option.type !== "flag" && ["FILE", "DIR", "PATH"].includes(option.value),
      }),
    );
  const commands = command.commands.map(({ name, summary }) => ({ word: name, help: summary }));
  const first = command.arguments[0]?.name;
  const own = {
    commands,
    options,
    words: first === "KIND" ? kindWords() : first === "SHELL" ? ["bash", "zsh", "fish"] : [],
    takesFiles: first === "FILE",
  };
  const below = command.commands.flatMap((child) =>
    casesOf(
      child,
      paths.flatMap((path) => [child.name, ...child.aliases].map((name) => `${path} ${name}`.trim())),
    ),
  );
  return [...paths.map((path) => ({ path, ...own })), ...below];
}

const kindWords = (): readonly string[] => registry.all.map(({ plural }) => plural).toSorted();
