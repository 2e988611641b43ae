import type { SourceLocation } from "../errors/index.ts";
import type { PathStep } from "./json-context.ts";
import { isObject } from "./json-read.ts";
import type { ParsedDocument } from "./parse.ts";
import { readText, type TextDocument, type TextTree } from "./text-tree.ts";

/** Finds where a field of a resource stands in the text that the resource was read from. */
export type PathLocator = (
  document: Pick<ParsedDocument<unknown>, "index" | "shape" | "location">,
  path: string | undefined,
) => SourceLocation;

/**
 * A locator for what {@link parseResources} read from a text. Paths are those of translators, such as
 * `virtualHost.routes[2].matchers[0]`; of a field that isn't there the nearest one around it is taken. The text is parsed at the first
 * question only.
 */
export function createPathLocator(text: string): PathLocator {
  let tree: TextTree | undefined;
  return ({ index, shape, location }, path) => {
    if (path === undefined || path === "") return location;
    tree ??= readText(text, location.source);
    const document = tree.documents.find((candidate) => candidate.index === index);
    if (document === undefined) return location;
    const top = shape === "kubernetes" && !/^(metadata|status)\b/.test(path) ? ["spec"] : [];
    const steps = [...itemSteps(document, location), ...top, ...stepsOf(path)];
    return { ...location, ...document.locate(steps, false), path };
  };
}

/** The way to the resource within its document, which may be a List. */
function itemSteps(document: TextDocument, location: SourceLocation): readonly PathStep[] {
  const { json } = document;
  if (!isObject(json) || !String(json.kind).endsWith("List") || !Array.isArray(json.items)) return [];
  const ways = json.items.map((_, index): readonly PathStep[] => ["items", index]);
  const found = ways.find((way) => {
    const { line, column } = document.locate(way, false);
    return line === location.line && column === location.column;
  });
  return found ?? [];
}

/** The steps of a path as `pathText` writes it. */
function stepsOf(path: string): readonly PathStep[] {
  return [...path.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g)].map(([, index, key, name]) => {
    if (index !== undefined) return Number(index);
    return key ?? name ?? "";
  });
}
