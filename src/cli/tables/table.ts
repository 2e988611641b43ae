import { stripVTControlCharacters } from "node:util";
import { printable } from "../printable.ts";
import { wrapText } from "./wrap-text.ts";

/** Rows of cells below a row of headers, as Gloo's command line draws them. */
export interface Table {
  readonly headers: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Text of a cell is broken into lines of this width, except where a word is longer. */
const widestCell = 30;

/** Draws a table with borders: headers centred, cells at the left, long cells on several lines. Ends with a line break. */
export function renderTable({ headers, rows }: Table): string {
  const cells = rows.map((row) => row.map(cellLines));
  const widths = headers.map((header, column) =>
    Math.max(textWidth(header), ...cells.map((row) => row[column]?.width ?? 0)),
  );
  const border = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+\n`;
  const line = (texts: readonly string[]): string => `| ${texts.join(" | ")} |\n`;
  const head = line(headers.map((header, column) => centre(header, widths[column] ?? 0)));
  const body = cells.flatMap((row) => {
    const height = Math.max(1, ...row.map(({ lines }) => lines.length));
    return Array.from({ length: height }, (_, index) =>
      line(widths.map((width, column) => padRight(row[column]?.lines[index] ?? "", width))),
    );
  });
  return border + head + border + body.join("") + border;
}

interface Cell {
  readonly lines: readonly string[];
  readonly width: number;
}

function cellLines(text: string): Cell {
  const given = printable(stripVTControlCharacters(text)).split("\n");
  const limit = Math.min(widestCell, Math.max(...given.map(textWidth)));
  const lines = wrapText(given.join(" "), limit);
  return { lines, width: Math.max(limit, ...lines.map(textWidth)) };
}

/** Columns that a text takes in a terminal. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += isWide(character.codePointAt(0) ?? 0) ? 2 : 1;
  return width;
}

/** East Asian wide characters and emoji. */
const isWide = (code: number): boolean =>
  code >= 0x1100 &&
  (code <= 0x115f ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd));

const padRight = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - textWidth(text)));

function centre(text: string, width: number): string {
  const gap = Math.max(0, width - textWidth(text));
  const left = Math.floor(gap / 2);
  return " ".repeat(left) + text + " ".repeat(gap - left);
}
