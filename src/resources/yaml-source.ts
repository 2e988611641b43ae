import type { Document, Node, Pair, YAMLMap, YAMLSeq } from "yaml";
import { EpoxyError } from "../errors/index.ts";
import type { JsonValue } from "./json-context.ts";
import type { Kind, Resource } from "./kind.ts";
import { isObject } from "./json-read.ts";
import type { Ref } from "./ref.ts";
import { apiVersionOf } from "./registry.ts";
import { renderYaml } from "./render.ts";
import { type Shape, shapeOf } from "./shape.ts";
import { keyText } from "./text-tree.ts";
import { parseYaml } from "./yaml-parse.ts";
import type { MessageType } from "./message-type.ts";
import { yaml } from "./yaml-library.ts";

/** A change of a text: what stands from `start` up to `end` is replaced. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The text with one change made; all other characters stay as they are. */
export function applySplice(text: string, { start, end, text: replacement }: Splice): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** Parses a text such that its nodes know their places. @throws `invalid` if it is no YAML */
export function parseSource(text: string): readonly Document.Parsed[] {
  const { documents, refused } = parseYaml(text, { keepSourceTokens: true });
  if (documents === undefined) throw new EpoxyError("invalid", `the text can't be edited: ${refused.message}`);
  const fault = documents.flatMap(({ errors }) => errors)[0];
  if (fault !== undefined) {
    throw new EpoxyError("invalid", `the text can't be edited: it is no YAML: ${fault.message}`, { cause: fault });
  }
  return documents;
}

/** Where a resource stands in a text. */
export interface Place {
  readonly document: Document.Parsed;
  /** Number of the document in the text. */
  readonly index: number;
  readonly root: YAMLMap;
  readonly shape: Shape;
  /** The list that the resource is an item of, in a document that is a List. */
  readonly list: { readonly items: YAMLSeq; readonly index: number } | undefined;
}

/** Finds a resource. A document that names no namespace is taken to be in `defaultNamespace`. */
export function findPlace<T extends Resource>(
  documents: readonly Document.Parsed[],
  kind: Kind<T>,
  ref: Ref,
  defaultNamespace?: string,
): Place | undefined {
  for (const [index, document] of documents.entries()) {
    const root = document.contents;
    if (!yaml().isMap(root)) continue;
    const items = root.get("items", true);
    const isList = String(root.get("kind")).endsWith("List") && yaml().isSeq(items);
    const candidates: readonly unknown[] = isList ? items.items : [root];
    for (const [position, candidate] of candidates.entries()) {
      if (!yaml().isMap(candidate)) continue;
      const shape = shapeAt(candidate.toJS(document), kind, ref, defaultNamespace);
      if (shape === undefined) continue;
      return { document, index, root: candidate, shape, list: isList ? { items, index: position } : undefined };
    }
  }
  return undefined;
}

/** The shape in which a document's JSON holds the resource; undefined: it doesn't. */
export function shapeAt(
  json: unknown,
  kind: Kind<any>,
  ref: Ref,
  defaultNamespace: string | undefined,
): Shape | undefined {
  if (!isObject(json) || !isObject(json.metadata) || json.metadata.name !== ref.name) return undefined;
  const namespace = json.metadata.namespace ?? "";
  const ownNamespace = namespace === "" && kind.scope === "namespaced" ? (defaultNamespace ?? "") : namespace;
  if (ownNamespace !== ref.namespace) return undefined;
  const shape = shapeOf(kind.type as MessageType, json);
  if (shape === "bare" || (json.apiVersion === undefined && json.kind === undefined)) return shape;
  return json.apiVersion === apiVersionOf(kind) && json.kind === kind.kind ? shape : undefined;
}

/** The pair of a map that has a key. */
export function pairOf(map: YAMLMap, key: string): Pair<Node, Node | null> | undefined {
  return (map.items as Pair<Node, Node | null>[]).find((pair) => keyText(pair.key) === key);
}

/** The map at the end of a chain of keys, or undefined if there is another thing or nothing. */
export function mapAt(root: YAMLMap, path: readonly string[]): YAMLMap | undefined {
  let map = root;
  for (const key of path) {
    const value = pairOf(map, key)?.value;
    if (!yaml().isMap(value)) return undefined;
    map = value;
  }
  return map;
}

/** Sets a key of a map in place: replaces its value or adds the key at the end, in the style of the map. */
export function setKey(text: string, map: YAMLMap, key: string, value: JsonValue): Splice {
  const pair = pairOf(map, key);
  if (pair !== undefined) return replaceValue(text, map, pair, value);
  return map.flow === true ? appendFlow(text, map, key, value) : appendBlock(text, map, key, value);
}

function replaceValue(text: string, map: YAMLMap, pair: Pair<Node, Node | null>, value: JsonValue): Splice {
  const colon = afterColon(text, pair);
  const end = Math.max(colon, contentEnd(text, pair));
  if (map.flow === true) return { start: colon, end, text: ` ${renderFlow(value)}` };
  const valueStart = pair.value?.range?.[0] ?? colon;
  const between = text.slice(colon, Math.min(valueStart, end));
  // A comment behind the colon stays where it is.
  const comment = /^[ \t]*#[^\r\n]*/.exec(between)?.[0] ?? "";
  const block = renderBlock(text, value, columnOf(text, pair.key), comment !== "");
  return { start: colon + comment.length, end, text: block };
}

function appendBlock(text: string, map: YAMLMap, key: string, value: JsonValue): Splice {
  const eol = lineBreakOf(text);
  const column = columnOf(text, map.items[0]?.key as Node);
  const last = map.items.at(-1) as Pair<Node, Node | null>;
  const entry = `${" ".repeat(column)}${keyLiteral(key)}:${renderBlock(text, value, column, false)}`;
  let end = contentEnd(text, last, true);
  // After a block of literal text the line has ended already; else what follows on the line is a comment.
  const lineEnded = end > 0 && text[end - 1] === "\n";
  if (lineEnded) return { start: end, end, text: `${entry}${eol}` };
  while (end < text.length && text[end] !== "\n" && text[end] !== "\r") end++;
  return { start: end, end, text: `${eol}${entry}` };
}

function appendFlow(text: string, map: YAMLMap, key: string, value: JsonValue): Splice {
  const last = map.items.at(-1) as Pair<Node, Node | null> | undefined;
  const entry = `${JSON.stringify(key)}: ${renderFlow(value)}`;
  if (last === undefined) {
    const start = (map.range?.[0] ?? 0) + 1;
    return { start, end: start, text: entry };
  }
  const end = contentEnd(text, last);
  return { start: end, end, text: `, ${entry}` };
}

/** The offset just behind the colon of a pair. */
function afterColon(text: string, pair: Pair<Node, Node | null>): number {
  const { srcToken } = pair as { srcToken?: { sep?: readonly { type: string; offset: number }[] } };
  const colon = srcToken?.sep?.find(({ type }) => type === "map-value-ind");
  const keyEnd = pair.key.range?.[1] ?? 0;
  return colon === undefined ? text.indexOf(":", keyEnd) + 1 : colon.offset + 1;
}

/** Where a pair's last character is, without comments and line breaks behind it (unless a literal text's own are wanted). */
export function contentEnd(text: string, pair: Pair<Node, Node | null>, withLiteralBreaks = false): number {
  const value = pair.value;
  const least = afterColon(text, pair);
  return value === null ? least : Math.max(least, nodeEnd(text, value, withLiteralBreaks));
}

function nodeEnd(text: string, node: Node, withLiteralBreaks: boolean): number {
  const end = node.range?.[1] ?? 0;
  if ((yaml().isMap(node) || yaml().isSeq(node)) && node.flow !== true && node.items.length > 0) {
    const last = node.items.at(-1);
    if (yaml().isMap(node)) return contentEnd(text, last as Pair<Node, Node | null>, withLiteralBreaks);
    const item = last as Node;
    // An empty item ends at its dash, wherever the library says it is.
    return hasContent(item) ? nodeEnd(text, item, withLiteralBreaks) : trimEnd(text, item.range?.[0] ?? end);
  }
  if (!hasContent(node)) return 0;
  const isLiteral = yaml().isScalar(node) && (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED");
  return isLiteral && !withLiteralBreaks ? trimEnd(text, end) : end;
}

function hasContent(node: Node): boolean {
  return yaml().isAlias(node) || (node.range !== undefined && node.range !== null && node.range[1] > node.range[0]);
}

function trimEnd(text: string, end: number): number {
  while (end > 0 && /\s/.test(text.charAt(end - 1))) end--;
  return end;
}

/** How far a node is from the beginning of its line. */
function columnOf(text: string, node: Node): number {
  const start = node.range?.[0] ?? 0;
  return start - (text.lastIndexOf("\n", start - 1) + 1);
}

/** The line break that a text uses. */
export function lineBreakOf(text: string): "\n" | "\r\n" {
  return /\r\n/.test(text) ? "\r\n" : "\n";
}

/** A value as it stands behind a key at a column: on the same line, or indented on lines of its own. */
export function renderBlock(text: string, value: JsonValue, column: number, onNewLine: boolean): string {
  const isCollection = typeof value === "object" && value !== null && Object.keys(value).length > 0;
  const yaml = renderYaml(value, true).trimEnd();
  if (!isCollection && !onNewLine) return ` ${yaml}`;
  const eol = lineBreakOf(text);
  const indent = " ".repeat(column + 2);
  return yaml
    .split("\n")
    .map((line) => `${eol}${indent}${line}`)
    .join("");
}

function renderFlow(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(renderFlow).join(", ")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.entries(value as Readonly<Record<string, JsonValue>>)
    .map(([key, item]) => `${JSON.stringify(key)}: ${renderFlow(item)}`)
    .join(", ")}}`;
}

const keyLiteral = (key: string): string => renderYaml(key, true).trimEnd();
