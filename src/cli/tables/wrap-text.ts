import { textWidth } from "./table.ts";

/**
 * Breaks a text at its spaces into lines of at most `limit` columns, such that they are as even as can be: the sum of the squares
 * of what is left free at their ends is the least, that of the last line not counted. A longer word has a line of its own.
 */
export function wrapText(text: string, limit: number): readonly string[] {
  if (textWidth(text) <= limit) return [text];
  const words = text.split(" ");
  const widths = words.map(textWidth);
  const widest = Math.max(limit, widths.at(-1) ?? 0);
  const cost: number[] = [];
  const next: number[] = [];
  for (let start = words.length - 1; start >= 0; start--) {
    let width = -1;
    cost[start] = Infinity;
    for (let end = start + 1; end <= words.length; end++) {
      width += 1 + (widths[end - 1] ?? 0);
      // Beyond the limit it gets only worse, but a single word may be there.
      if (width > widest && end > start + 1) break;
      const free = widest - width;
      const rest = end === words.length && width <= widest ? 0 : free * free + (cost[end] ?? 0);
      if (rest < (cost[start] ?? Infinity)) {
        cost[start] = rest;
        next[start] = end;
      }
    }
  }
  const lines: string[] = [];
  for (let start = 0; start < words.length; start = next[start] ?? words.length) {
    lines.push(words.slice(start, next[start]).join(" "));
  }
  return lines;
}
