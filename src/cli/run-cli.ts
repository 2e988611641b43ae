import { commandName, findCommand, readInput } from "./command-line.ts";
import { rootCommand } from "./commands.ts";
import { describeFailure } from "./failure.ts";
import { renderHelp } from "./help.ts";
import { interrupts } from "./interrupts.ts";
import { resolveValues } from "./resolve-values.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** Runs one command line and resolves to its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. Never throws. */
export async function runCli(words: readonly string[], terminal: Terminal): Promise<number> {
  let name = rootCommand.name;
  let json = words.includes("--json");
  const interrupt = interrupts();
  try {
    if (words[0] === "--version" || words[0] === "-v") return await runCli(["version", ...words.slice(1)], terminal);
    const asked = words[0] === "help" ? [...words.slice(1), "--help"] : words;
    const found = findCommand(rootCommand, asked);
    const { path } = found;
    const command = path.at(-1) ?? rootCommand;
    name = commandName(path);
    const { values: given, arguments: rest } = readInput(found);
    if (given.get("help") === true || words.length === 0) {
      terminal.out(renderHelp(path));
      return 0;
    }
    if (command.load === undefined) {
      const names = command.commands.map((child) => child.name);
      throw new UsageError(`${name} needs a command: one of ${names.join(", ")}`);
    }
    const values = await resolveValues(command, given, terminal.env);
    json = values["json"] === true || values["output"] === "json";
    const run = await command.load();
    const { signal } = interrupt;
    const invocation = { values, given: new Set(given.keys()), arguments: rest, terminal, signal };
    return (await run(invocation)) ?? 0;
  } catch (error) {
    if (interrupt.signal.aborted) return interrupt.exitCode();
    if (terminal.env["EPOXY_DEBUG"] === "1" && error instanceof Error) terminal.error(`${error.stack}\n`);
    const failure = await describeFailure(error, json, name);
    terminal.error(failure.text);
    return failure.exitCode;
  } finally {
    interrupt.close();
  }
}
