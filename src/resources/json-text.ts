import { maxJsonDepth } from "./json-context.ts";

const strings = /"(?:[^"\\]|\\.)*"(\s*:)?/g;

/**
 * Parses a text that is one JSON object, far faster than as YAML. Undefined if it is none, or if something is wrong with
 * it that the YAML reader reports better: a key given twice, or nesting beyond reason.
 */
export function readJsonText(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  // JSON.parse keeps the last of two equal keys and doesn't tell: so the keys are counted.
  let written = 0;
  for (const match of text.matchAll(strings)) if (match[1] !== undefined) written++;
  return countKeys(json, 0) === written ? json : undefined;
}

function countKeys(json: unknown, depth: number): number {
  if (typeof json !== "object" || json === null) return 0;
  if (depth > maxJsonDepth) return Number.NaN;
  let count = 0;
  if (Array.isArray(json)) {
    for (const item of json) count += countKeys(item, depth + 1);
    return count;
  }
  for (const key of Object.keys(json)) count += 1 + countKeys((json as Record<string, unknown>)[key], depth + 1);
  return count;
}
