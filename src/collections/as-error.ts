/** What was thrown, as an error: it may be anything, even what has no text. */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  let text = "something without a text was thrown";
  try {
    text = String(thrown);
  } catch {
    // An object without prototype, say.
  }
  return new Error(text, { cause: thrown });
}
