import { textWidth } from "./text-width.ts";

/**
 * Breaks a text at its spaces into lines of at most `limit` columns, or as many as its longest word has, such that they are as even as
 * can be: the sum of the squares of what is left free at their ends is the least, that of the last line not counted.
 */
export function wrapText(text: string, limit: number): readonly string[] {
  if (textWidth(text) <= limit) return [text];
  const words = text.split(" ");
  const widths = words.map(textWidth);
  const widest = Math.max(limit, ...widths);
  // For each word: the cost of the lines from there on if a line begins with it, and the word that begins the line after.
  const cost = words.map(() => Infinity);
  const next = words.map(() => words.length);
  for (let start = words.length - 1; start >= 0; start--) {
    let width = -1;
    for (let end = start + 1; end <= words.length; end++) {
      width += 1 + (widths[end - 1] ?? 0);
      if (width > widest) break;
      const free = widest - width;
      const total = end === words.length ? 0 : free * free + (cost[end] ?? 0);
      if (total < (cost[start] ?? 0)) {
        cost[start] = total;
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
