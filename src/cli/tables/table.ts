import { stripVTControlCharacters } from "node:util";
import { printable } from "../printable.ts";
import { textWidth } from "./text-width.ts";
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
  const head = line(headers.map((header, column) => centre(header, widths[column] ?? 0)));
  const body = cells.flatMap((row) => {
    const height = Math.max(1, ...row.map(({ lines }) => lines.length));
    return Array.from({ length: height }, (_, index) =>
      line(widths.map((width, column) => padRight(row[column]?.lines[index] ?? "", width))),
    );
  });
  return border + head + border + body.join("") + border;
}

const line = (texts: readonly string[]): string => `| ${texts.join(" | ")} |\n`;

interface Cell {
  readonly lines: readonly string[];
  readonly width: number;
}

function cellLines(text: string): Cell {
  if (text.length <= widestCell && /^[\x20-\x7e]*$/.test(text)) return { lines: [text], width: text.length };
  const given = printable(stripVTControlCharacters(text)).split("\n");
  const limit = Math.min(widestCell, Math.max(...given.map(textWidth)));
  const lines = wrapText(given.join(" "), limit);
  return { lines, width: Math.max(limit, ...lines.map(textWidth)) };
}

const padRight = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - textWidth(text)));

function centre(text: string, width: number): string {
  const gap = Math.max(0, width - textWidth(text));
  const left = Math.floor(gap / 2);
  return " ".repeat(left) + text + " ".repeat(gap - left);
}
