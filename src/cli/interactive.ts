import { createInterface } from "node:readline/promises";
import type { Invocation, Run } from "./command.ts";
import { type OptionValue, valueFromText } from "./command-line.ts";
import type { OptionTable } from "./option.ts";
import { UsageError } from "./usage-error.ts";

/** What `-i` asks for. */
export interface Question {
  /** The option that the answer is the value of. */
  readonly option: string;
  readonly text: string;
  /** What an empty answer means; undefined: the option isn't given then. */
  readonly fallback?: string;
  readonly required?: boolean;
  /** Not asked if one of these is given. */
  readonly unless?: readonly string[];
}

export const interactiveOption = {
  interactive: { type: "flag", short: "i", help: "ask for what isn't given; only on a terminal" },
} as const satisfies OptionTable;

/** The name, which may stand behind the command, too. */
export const nameQuestion: Question = { option: "name", text: "Name", required: true };

/** Makes a command ask, where `-i` is given, for the options that aren't. */
export function interactive(options: OptionTable, questions: readonly Question[], run: Run): Run {
  return async (invocation: Invocation<typeof interactiveOption>) => {
    if (!invocation.values.interactive) return run(invocation);
    if (!process.stdin.isTTY)
      throw new UsageError("-i asks questions, and there is no terminal to ask on: give options");
    const given = new Map<string, OptionValue>();
    const has = (option: string): boolean =>
      given.has(option) || invocation.given.has(option) || (option === "name" && invocation.arguments.length > 0);
    const reader = createInterface({ input: process.stdin, output: process.stderr });
    // Ctrl-C reaches the reader, which owns the terminal now.
    reader.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    try {
      for (const question of questions) {
        if ([question.option, ...(question.unless ?? [])].some(has)) continue;
        const answer = await ask(question, (text) => reader.question(text, { signal: invocation.signal }));
        const option = options[question.option];
        if (answer !== "" && option !== undefined) {
          given.set(question.option, valueFromText(`--${question.option}`, option, answer));
        }
      }
    } finally {
      reader.close();
    }
    return run({
      ...invocation,
      values: { ...invocation.values, ...Object.fromEntries(given) },
      given: new Set([...invocation.given, ...given.keys()]),
    });
  };
}

async function ask(question: Question, read: (text: string) => Promise<string>): Promise<string> {
  const fallback = question.fallback === undefined ? "" : ` [${question.fallback}]`;
  for (;;) {
    const answer = (await read(`${question.text}${fallback}: `)).trim();
    if (answer !== "") return answer;
    if (question.required !== true) return question.fallback ?? "";
  }
}
