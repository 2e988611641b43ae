import type { ProblemSource, TranslationProblem } from "../resources/index.ts";

/** Collects the problems of one translated unit. An error is refused or answers 500; with a warning the rest is in force. */
export interface Report {
  readonly problems: readonly TranslationProblem[];
  /** Number of errors so far. */
  readonly errors: number;
  error(path: string, message: string): void;
  warn(path: string, message: string): void;
}

/** An empty report; `sources` is asked only when there is a problem. */
export function createReport(sources: () => readonly ProblemSource[]): Report {
  const problems: TranslationProblem[] = [];
  let errors = 0;
  const add = (severity: "error" | "warning", path: string, message: string) => {
    problems.push({ severity, message, path, sources: sources() });
  };
  return {
    problems,
    get errors() {
      return errors;
    },
    error: (path, message) => {
      errors++;
      add("error", path, message);
    },
    warn: (path, message) => add("warning", path, message),
  };
}
