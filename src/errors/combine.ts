import { EpoxyError, errorCode } from "./epoxy-error.ts";

/**
 * One error for several. Its message is the first one's and counts the others, its code and place are the first one's, and
 * {@link problemsOf} gives all of them back. A single error is returned as it is.
 */
export function combineErrors(errors: readonly EpoxyError[]): EpoxyError {
  const first = errors[0];
  if (first === undefined) throw new RangeError("combineErrors needs at least one error");
  if (errors.length === 1) return first;
  const others = errors.length === 2 ? "1 more problem" : `${errors.length - 1} more problems`;
  return new EpoxyError(first.code, `${first.message} (and ${others})`, {
    cause: new AggregateError(errors, `${errors.length} problems`),
    resource: first.resource,
    location: first.location,
  });
}

/** The single problems that an error stands for, in order; what is no EpoxyError has none. */
export function problemsOf(error: unknown): readonly EpoxyError[] {
  const found: EpoxyError[] = [];
  collect(error, found, 0);
  return found;
}

function collect(error: unknown, found: EpoxyError[], depth: number): void {
  if (depth > 32 || typeof error !== "object" || error === null) return;
  const { name, cause, errors } = error as { name?: unknown; cause?: unknown; errors?: unknown };
  if (Array.isArray(errors)) {
    for (const member of errors) collect(member, found, depth + 1);
    return;
  }
  const members = (cause as { errors?: unknown } | undefined)?.errors;
  if (name === "EpoxyError" && !(Array.isArray(members) && members.some((member) => errorCode(member) !== undefined))) {
    found.push(error as EpoxyError);
    return;
  }
  collect(cause, found, depth + 1);
}
