import { type EpoxyError, errorCode, problemsOf } from "../errors/index.ts";
import { printable } from "./printable.ts";
import { UsageError } from "./usage-error.ts";

/** How a command ended badly. */
export interface Failure {
  readonly exitCode: number;
  /** For stderr; ends with a line break. */
  readonly text: string;
}

/** Describes what a command threw: every problem on a line of its own, never a stack trace. */
export async function describeFailure(error: unknown, json: boolean, commandName: string): Promise<Failure> {
  const exitCode = error instanceof UsageError ? 2 : 1;
  const message = error instanceof UsageError ? await usageMessage(error) : messageOf(error);
  const problems = problemsOf(error);
  if (json) {
    const code = error instanceof UsageError ? "usage" : (errorCode(error) ?? "internal");
    const body = { code, message, problems: problems.map(problemJson) };
    return { exitCode, text: `${JSON.stringify({ error: body })}\n` };
  }
  if (exitCode === 2) {
    return { exitCode, text: `error: ${printable(message)}\nRun "${commandName} --help" for help.\n` };
  }
  const lines = problems.length > 0 ? problems.map((problem) => problem.message) : [message];
  return { exitCode, text: lines.map((line) => `error: ${printable(line)}\n`).join("") };
}

/** A problem in the JSON of errors and warnings. */
export const problemJson = ({ code, message, resource, location }: EpoxyError): object => ({
  code,
  message,
  resource,
  location,
});

async function usageMessage({ message, mistyped }: UsageError): Promise<string> {
  if (mistyped === undefined) return message;
  // Loaded only here: most command lines are right.
  const { nearestName } = await import("../resources/index.ts");
  const near = nearestName(mistyped.word, mistyped.candidates);
  if (near !== undefined) return `${message}: did you mean ${mistyped.prefix ?? ""}${near}?`;
  return mistyped.all === undefined ? message : `${message}: there are ${mistyped.all.join(", ")}`;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (errorCode(error) !== undefined || isSystemError(error)) return error.message;
  return `internal error: ${error.message} (please report it; EPOXY_DEBUG=1 shows where)`;
}

const isSystemError = (error: Error): boolean => "syscall" in error && "code" in error;
