import { UsageError } from "./usage-error.ts";

/** The name that stands behind a command or after --name. @throws UsageError if there is none, or two that differ */
export function resourceName(words: readonly string[], option: string | undefined): string {
  const [word] = words;
  if (word !== undefined && option !== undefined && word !== option) {
    throw new UsageError(`two names are given, "${word}" and --name "${option}": leave out one`);
  }
  const name = word ?? option;
  if (name === undefined || name === "")
    throw new UsageError("the name is missing: write it behind the command, or after --name");
  return name;
}
