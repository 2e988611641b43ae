import { isDeepStrictEqual } from "node:util";
import type { Document, Node, Pair } from "yaml";
import { EpoxyError } from "../errors/index.ts";
import type { EditOptions } from "./edit-status.ts";
import type { Kind, Resource } from "./kind.ts";
import { parseResources } from "./parse.ts";
import { mergeMap, stringifyMap } from "./merge-nodes.ts";
import { type Ref, refKey, refOf, refText } from "./ref.ts";
import { renderResource, renderYaml, resourceToJson } from "./render.ts";
import { readText } from "./text-tree.ts";
import { applySplice, contentEnd, findPlace, lineBreakOf, parseSource, type Place } from "./yaml-source.ts";

/**
 * Puts a resource into a text of several documents: the document that holds it is changed, in its shape, or one is added
 * at the end. All other documents stay as they are to the last character. In the document, comments and order are kept
 * as far as the YAML library allows; it is written anew if it uses older names for what changes, or is in a list.
 * @throws `invalid` if the text is no YAML, or holds the resource in a form that can't be changed safely
 */
export function editSpec<T extends Resource>(
  text: string,
  kind: Kind<T>,
  resource: T,
  options: EditOptions = {},
): string {
  for (const attempt of [changeNodes, replaceBlock, replaceInline]) {
    const place = findPlace(parseSource(text), kind, refOf(resource), options.defaultNamespace);
    if (place === undefined) return append(text, kind, resource, options);
    const edited = attempt(text, kind, resource, place, options);
    if (edited !== undefined && says(edited, kind, resource, options)) return edited;
  }
  const label = `${kind.kind} ${refText(refOf(resource))}`;
  throw new EpoxyError("invalid", `${label} can't be changed in its text: put it into a file of its own`, {
    resource: label,
  });
}

function append<T extends Resource>(text: string, kind: Kind<T>, resource: T, options: EditOptions): string {
  const eol = lineBreakOf(text);
  const rendered = renderResource(kind, resource, options).replaceAll("\n", eol);
  if (readText(text, "text").documents.every(({ json }) => json === null)) return `${text}${rendered}`;
  return `${text}${text.endsWith("\n") ? "" : eol}---${eol}${rendered}`;
}

/** Whether the text is well formed and holds the resource with exactly this specification and these statuses. */
function says<T extends Resource>(text: string, kind: Kind<T>, resource: T, options: EditOptions): boolean {
  const stored = storedIn(text, kind, refOf(resource), options);
  const json = (of: T): unknown => resourceToJson(kind, of, options);
  return stored !== undefined && isDeepStrictEqual(json(stored), json(resource));
}

function storedIn<T extends Resource>(text: string, kind: Kind<T>, ref: Ref, options: EditOptions): T | undefined {
  const { documents, wellFormed } = parseResources(kind, text, "text", options);
  if (!wellFormed) return undefined;
  return documents.map(({ resource }) => resource).find((candidate) => refKey(refOf(candidate)) === refKey(ref));
}

type Attempt = <T extends Resource>(
  text: string,
  kind: Kind<T>,
  resource: T,
  place: Place,
  options: EditOptions,
) => string | undefined;

const changeNodes: Attempt = (text, kind, resource, place, options) => {
  const stored = storedIn(text, kind, refOf(resource), options);
  if (stored === undefined || place.list !== undefined || place.root.flow === true) return undefined;
  const rendering = { ...options, shape: place.shape };
  const after = resourceToJson(kind, resource, rendering);
  if (!mergeMap(place.document, place.root, resourceToJson(kind, stored, rendering), after)) return undefined;
  const [start = 0, end = 0] = place.root.range ?? [];
  const source = text.slice(start, end);
  const rendered = stringifyMap(place.root, source);
  const ended = source.endsWith("\n") ? rendered : rendered.trimEnd();
  return applySplice(text, { start, end, text: ended.replaceAll("\n", lineBreakOf(text)) });
};

const replaceBlock: Attempt = (text, kind, resource, place, options) =>
  replaceRoot(text, place, renderYaml(resourceToJson(kind, resource, { ...options, shape: place.shape })));

/** Without literal texts, whose last line breaks depend on what follows. */
const replaceInline: Attempt = (text, kind, resource, place, options) =>
  replaceRoot(text, place, renderYaml(resourceToJson(kind, resource, { ...options, shape: place.shape }), true));

function replaceRoot(text: string, { root }: Place, rendered: string): string {
  const start = root.range?.[0] ?? 0;
  const last = root.items.at(-1) as Pair<Node, Node | null>;
  const end = root.flow === true ? (root.range?.[1] ?? start) : contentEnd(text, last);
  const column = start - (text.lastIndexOf("\n", start - 1) + 1);
  const indented = rendered
    .trimEnd()
    .split("\n")
    .join(`${lineBreakOf(text)}${" ".repeat(column)}`);
  return applySplice(text, { start, end, text: indented });
}

/**
 * Takes a resource out of a text. A text without it is returned as it is; undefined means that nothing is left in it.
 * @throws `invalid` if the text is no YAML
 */
export function removeDocument<T extends Resource>(
  text: string,
  kind: Kind<T>,
  ref: Ref,
  options: EditOptions = {},
): string | undefined {
  const place = findPlace(parseSource(text), kind, ref, options.defaultNamespace);
  if (place === undefined) return text;
  const edited =
    place.list === undefined || place.list.items.items.length === 1
      ? withoutDocument(text, place)
      : withoutItem(text, place);
  return parseResources(kind, edited, "text").empty ? undefined : edited;
}

function withoutDocument(text: string, place: Place): string {
  const documents = parseSource(text);
  const start = startOf(text, documents, place.index);
  const next = documents[place.index + 1];
  return applySplice(text, {
    start,
    end: next === undefined ? text.length : startOf(text, documents, place.index + 1),
    text: "",
  });
}

const from = (node: Node | undefined): number => node?.range?.[0] ?? 0;

/** Where a document begins: at its `---`, or at the beginning of the text. */
function startOf(text: string, documents: readonly Document.Parsed[], index: number): number {
  const start = documents[index]?.range[0] ?? text.length;
  return index === 0 && !text.startsWith("---", start) ? 0 : start;
}

function withoutItem(text: string, place: Place): string {
  const { items, index } = place.list as NonNullable<Place["list"]>;
  const nodes = items.items as readonly Node[];
  if (items.flow === true) {
    const next = nodes[index + 1];
    if (next !== undefined) return applySplice(text, { start: from(nodes[index]), end: from(next), text: "" });
    return applySplice(text, {
      start: nodes[index - 1]?.range?.[1] ?? 0,
      end: nodes[index]?.range?.[1] ?? 0,
      text: "",
    });
  }
  const tokens = (items.srcToken as { items: readonly { start: readonly { type: string; offset: number }[] }[] }).items;
  const dash = (position: number): number =>
    tokens[position]?.start.find(({ type }) => type === "seq-item-ind")?.offset ?? 0;
  if (index + 1 < nodes.length) return applySplice(text, { start: dash(index), end: dash(index + 1), text: "" });
  const lineStart = text.lastIndexOf("\n", dash(index)) + 1;
  const last = (place.root.items.at(-1) ?? undefined) as Pair<Node, Node | null> | undefined;
  let end = last === undefined ? (place.root.range?.[1] ?? lineStart) : contentEnd(text, last);
  while (end < text.length && text[end - 1] !== "\n") end++;
  return applySplice(text, { start: lineStart, end, text: "" });
}
