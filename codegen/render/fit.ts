/** Longest line of generated code; the same as in the code around it. */
const lineWidth = 120;

/** The one-line form of a piece of code if it fits, otherwise its broken form. */
export const fit = (oneLine: string, broken: string): string => (oneLine.length <= lineWidth ? oneLine : broken);

/** Items one a line, indented, each with its comma. */
const list = (items: readonly string[]): string => items.map((item) => `  ${item},\n`).join("");

/**
 * A statement with a list in braces or brackets, broken where it is too long for a line. A single name in braces, as of an
 * import, stays on it.
 */
export function bracketed(before: string, brackets: "{}" | "[]", items: readonly string[], after: string): string {
  const [open, close] = brackets;
  const inner = open === "{" ? ` ${items.join(", ")} ` : items.join(", ");
  const oneLine = `${before}${open}${inner}${close}${after}`;
  if (open === "{" && items.length === 1) return oneLine;
  return fit(oneLine, `${before}${open}\n${list(items)}${close}${after}`);
}

/** The head of an exported function, up to its brace. */
export function functionHead(name: string, parameters: readonly string[], returns: string): string {
  const before = `export function ${name}`;
  return fit(`${before}(${parameters.join(", ")}): ${returns} {`, `${before}(\n${list(parameters)}): ${returns} {`);
}

/** A doc comment. Text that would end it is broken up. */
export function docComment(text: string): string {
  const lines = text.trim().replaceAll("*/", "*\\/").split("\n");
  if (lines.length === 1) return `/** ${lines[0]} */`;
  return `/**\n${lines.map((line) => ` * ${line}`.trimEnd()).join("\n")}\n */`;
}
