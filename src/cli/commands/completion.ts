import type { Invocation } from "../command.ts";
import { completionCases } from "../completion/completion-cases.ts";
import { bashScript, fishScript, zshScript } from "../completion/shell-scripts.ts";
import { UsageError } from "../usage-error.ts";
import { shells } from "./completion-specs.ts";

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** `epoxy completion` */
export async function completion({
  arguments: [word = ""],
  terminal,
}: Invocation<Record<never, never>>): Promise<undefined> {
  const shell = shells.find((candidate) => candidate === word);
  if (shell === undefined) throw new UsageError(`unknown shell "${word}"`, { word, candidates: shells, all: shells });
  const { rootCommand } = await import("../commands.ts");
  terminal.out(scripts[shell](completionCases(rootCommand)));
  return undefined;
}
