import { UsageError } from "./usage-error.ts";

/**
 * Reads `name=value` texts, in order. @param option names the option in errors
 * @throws UsageError for an empty name, one given twice, and, unless `bare` allows it, for a missing `=`
 */
export function keyValues(option: string, texts: readonly string[], bare = false): Readonly<Record<string, string>> {
  const entries = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at === 0 || text === "" || (at < 0 && !bare))
      throw new UsageError(`option ${option} needs name=value, found "${text}"`);
    const name = at < 0 ? text : text.slice(0, at);
    if (entries.has(name)) throw new UsageError(`option ${option} names "${name}" twice`);
    entries.set(name, at < 0 ? "" : text.slice(at + 1));
  }
  return Object.fromEntries(entries);
}
