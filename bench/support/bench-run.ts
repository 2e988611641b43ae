import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";

/** What every benchmark understands on its command line. */
export interface BenchOptions {
  /** Small and quick, to show that it works: CI runs this. */
  readonly smoke: boolean;
  /** Sizes to measure. */
  readonly sizes: readonly number[];
  /** Measured changes for each size. */
  readonly changes: number;
}

/** A row of the table: columns by title, the same in each row. */
export type Row = Readonly<Record<string, string | number>>;

/** Reads `--smoke`, `--n 100,1000` and `--changes 20`. */
export function benchOptions(defaults: { readonly sizes: readonly number[]; readonly smokeSizes: readonly number[] }) {
  const { values } = parseArgs({
    options: { smoke: { type: "boolean" }, n: { type: "string" }, changes: { type: "string" } },
    allowPositionals: true,
  });
  const smoke = values.smoke ?? false;
  const sizes = values.n?.split(",").map(Number) ?? (smoke ? defaults.smokeSizes : defaults.sizes);
  const changes = Number(values.changes ?? (smoke ? 3 : 20));
  checkCounts([...sizes, changes], "[--smoke] [--n 100,1000] [--changes 20]");
  return { smoke, sizes, changes } satisfies BenchOptions;
}

/** @throws an error that tells the usage if one of the values is no whole number above 0 */
export function checkCounts(values: readonly number[], usage: string): void {
  if (values.some((value) => !Number.isInteger(value) || value < 1)) throw new Error(`usage: ${usage}`);
}

/** Prints the rows as a table and keeps them, with what they were measured on, in `bench/results/<name>.json`. */
export async function report(name: string, rows: readonly Row[], notes: readonly string[] = []): Promise<void> {
  const titles = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [titles, ...rows.map((row) => titles.map((title) => `${row[title] ?? ""}`))];
  const widths = titles.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  for (const line of cells) {
    process.stdout.write(`${line.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  ")}\n`);
  }
  for (const note of notes) process.stdout.write(`${note}\n`);
  const folder = join(import.meta.dirname, "..", "results");
  await mkdir(folder, { recursive: true });
  const result = { name, date: new Date().toISOString(), node: process.version, rows, notes };
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
}

/** Of the values, the one that so large a share of them doesn't exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** One decimal, for tables. */
export const rounded = (value: number): number => Math.round(value * 10) / 10;
