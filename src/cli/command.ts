import type { OptionTable, ValuesOf } from "./option.ts";
import type { GlobalOptions } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** What a command is called with. */
export interface Invocation<T extends OptionTable = OptionTable> {
  readonly values: ValuesOf<T & GlobalOptions>;
  /** Names of the options that were given on the command line. */
  readonly given: ReadonlySet<string>;
  readonly arguments: readonly string[];
  readonly terminal: Terminal;
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
}

/**
 * Does the command's work and resolves to its exit code (default 0).
 * @throws UsageError or EpoxyError, which the shell reports
 */
export type Run<T extends OptionTable = any> = (invocation: Invocation<T>) => Promise<number | undefined>;

export interface Argument {
  /** How help names it, such as `NAME`. */
  readonly name: string;
  readonly required?: boolean;
  readonly several?: boolean;
}

export interface Example {
  readonly does: string;
  readonly command: string;
}

/** A command of the command line, as data. A group has `commands`; what can be run has `load`. */
export interface Command {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  /** Further paragraphs of the help. */
  readonly description: readonly string[];
  readonly arguments: readonly Argument[];
  readonly options: OptionTable;
  readonly examples: readonly Example[];
  readonly commands: readonly Command[];
  /** Whether it reads or writes resources: its help then lists the options that say where these are. */
  readonly usesStorage: boolean;
  /** All that follows the command's name is handed on as it is. */
  readonly passThrough: boolean;
  /** Loads the code; nothing is loaded for a command that isn't run. */
  readonly load: (() => Promise<Run>) | undefined;
}

interface CommandSpec<T extends OptionTable> extends Partial<Omit<Command, "options" | "load">> {
  readonly name: string;
  readonly summary: string;
  readonly options?: T;
  readonly load?: () => Promise<Run<T>>;
}

/** Makes a command; the code that it loads must take the values of its options. */
export function defineCommand<T extends OptionTable = Record<never, never>>(spec: CommandSpec<T>): Command {
  return {
    aliases: [],
    description: [],
    arguments: [],
    examples: [],
    commands: [],
    usesStorage: false,
    passThrough: false,
    ...spec,
    options: spec.options ?? {},
    load: spec.load,
  };
}
