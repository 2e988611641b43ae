type Mark = " " | "-" | "+";

interface Line {
  readonly mark: Mark;
  readonly text: string;
}

/** Lines without a change that are shown around changes. */
const context = 3;

/** Beyond this many pairs of lines, what differs is shown as one block: comparing all of them would take long. */
const mostPairs = 25_000_000;

/** The difference of two texts in the unified format; empty if there is none. */
export function unifiedDiff(before: string, after: string, beforeName: string, afterName: string): string {
  const lines = compare(linesOf(before), linesOf(after));
  const changes = lines.flatMap(({ mark }, index) => (mark === " " ? [] : [index]));
  if (changes.length === 0) return "";
  const hunks: { start: number; end: number }[] = [];
  for (const index of changes) {
    const last = hunks.at(-1);
    const [start, end] = [Math.max(0, index - context), Math.min(lines.length, index + context + 1)];
    if (last !== undefined && start <= last.end) last.end = end;
    else hunks.push({ start, end });
  }
  return `--- ${beforeName}\n+++ ${afterName}\n${hunks.map(({ start, end }) => renderHunk(lines, start, end)).join("")}`;
}

const linesOf = (text: string): readonly string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

function renderHunk(lines: readonly Line[], start: number, end: number): string {
  const shown = lines.slice(start, end);
  const count = (all: readonly Line[], without: Mark): number => all.filter(({ mark }) => mark !== without).length;
  const range = (without: Mark): string => {
    const length = count(shown, without);
    // Of an empty range the line before it is named.
    return `${count(lines.slice(0, start), without) + (length === 0 ? 0 : 1)},${length}`;
  };
  const body = shown.map(({ mark, text }) => `${mark}${text}\n`).join("");
  return `@@ -${range("+")} +${range("-")} @@\n${body}`;
}

function compare(before: readonly string[], after: readonly string[]): readonly Line[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const same = (texts: readonly string[]): Line[] => texts.map((text) => ({ mark: " ", text }));
  return [
    ...same(before.slice(0, start)),
    ...compareMiddle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...same(before.slice(before.length - end)),
  ];
}

/** By the longest common subsequence. */
function compareMiddle(before: readonly string[], after: readonly string[]): readonly Line[] {
  const width = after.length + 1;
  if (before.length * after.length > mostPairs) {
    const marked = (mark: Mark, texts: readonly string[]): Line[] => texts.map((text) => ({ mark, text }));
    return [...marked("-", before), ...marked("+", after)];
  }
  const lengths = new Uint32Array((before.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      lengths[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, fresh] = [before[i], after[j]];
    if (old !== undefined && old === fresh) {
      lines.push({ mark: " ", text: old });
      i++;
      j++;
    } else if (old !== undefined && (fresh === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ mark: "-", text: old });
      i++;
    } else {
      lines.push({ mark: "+", text: fresh ?? "" });
      j++;
    }
  }
  return lines;
}
