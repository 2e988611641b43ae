import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { EpoxyError } from "../errors/index.ts";
import type { Command } from "./command.ts";
import { optionsOf, type OptionValue, valueFromText } from "./command-line.ts";
import type { OptionTable } from "./option.ts";
import { storageOptions } from "./options.ts";
import { readText } from "./read-text.ts";
import { UsageError } from "./usage-error.ts";

/**
 * The values of all options of a command: from the command line, else the environment, else the configuration file, else the
 * default. @throws UsageError, EpoxyError `invalid` for a configuration file that is wrong
 */
export async function resolveValues(
  command: Command,
  given: ReadonlyMap<string, OptionValue>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Readonly<Record<string, OptionValue | undefined>>> {
  const options = optionsOf(command);
  const configured = command.usesStorage
    ? await readConfig(given.get("config") ?? env["EPOXY_CONFIG"], storageOptions)
    : {};
  const values: Record<string, OptionValue | undefined> = {};
  for (const [name, option] of Object.entries(options)) {
    const fromEnv = option.env === undefined ? undefined : env[option.env];
    values[name] =
      given.get(name) ??
      (fromEnv === undefined || fromEnv === "" ? undefined : valueFromText(`$${option.env}`, option, fromEnv)) ??
      configured[name] ??
      ("default" in option ? option.default : undefined) ??
      (option.type === "flag" ? false : option.type === "list" ? [] : undefined);
  }
  if (values["namespace"] === "") throw new UsageError("option --namespace is empty: name a namespace");
  // What is said nearer wins: --dir on the line over `use-consul` in the file, and the other way round.
  if (given.has("dir") && !given.has("use-consul") && configured["use-consul"] === true) values["use-consul"] = false;
  if (values["json"] === true && Object.hasOwn(options, "output")) {
    if (given.has("output") && values["output"] !== "json")
      throw new UsageError("--json and -o contradict each other: give one");
    values["output"] = "json";
  }
  return values;
}

async function readConfig(
  path: OptionValue | undefined,
  options: OptionTable,
): Promise<Readonly<Record<string, OptionValue>>> {
  const source = typeof path === "string" && path !== "" ? path : join(homedir(), ".epoxy", "config.yaml");
  if (source !== path && !existsSync(source)) return {};
  const text = readText(source);
  const { parse } = await import("yaml");
  let content: unknown;
  try {
    content = parse(text, { maxAliasCount: 0 });
  } catch (cause) {
    throw invalid(source, `not valid YAML: ${(cause as Error).message.split("\n", 1)[0]}`);
  }
  if (content === null) return {};
  if (typeof content !== "object" || Array.isArray(content)) throw invalid(source, "expected `option: value` lines");
  const values: Record<string, OptionValue> = {};
  for (const [name, value] of Object.entries(content)) {
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (option === undefined) {
      const { nearestName } = await import("../resources/index.ts");
      const near = nearestName(name, Object.keys(options));
      throw invalid(source, `unknown option "${name}"${near === undefined ? "" : `: did you mean ${near}?`}`);
    }
    values[name] = valueFromText(`${name} in ${source}`, option, String(value));
  }
  return values;
}

const invalid = (source: string, detail: string): EpoxyError =>
  new EpoxyError("invalid", `${source}: ${detail}`, { location: { source } });
