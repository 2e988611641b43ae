import type { Document, Node, Pair } from "yaml";
import type { EditOptions } from "./edit-status.ts";
import type { Kind, Resource } from "./kind.ts";
import { parseResources } from "./parse.ts";
import { type Ref, refOf } from "./ref.ts";
import { renderResource } from "./render.ts";
import { readText } from "./text-tree.ts";
import { applySplice, contentEnd, findPlace, lineBreakOf, parseSource, type Place } from "./yaml-source.ts";

/**
 * Puts a resource into a text of several documents: the document that holds it is replaced, in its shape, or one is added
 * at the end. All other documents stay as they are to the last character.
 * @throws `invalid` if the text is no YAML
 */
export function editSpec<T extends Resource>(
  text: string,
  kind: Kind<T>,
  resource: T,
  options: EditOptions = {},
): string {
  const place = findPlace(parseSource(text), kind, refOf(resource), options.defaultNamespace);
  const eol = lineBreakOf(text);
  if (place === undefined) {
    const rendered = renderResource(kind, resource, options).replaceAll("\n", eol);
    if (readText(text, "text").documents.every(({ json }) => json === null)) return `${text}${rendered}`;
    return `${text}${text.endsWith("\n") ? "" : eol}---${eol}${rendered}`;
  }
  const rendered = renderResource(kind, resource, { ...options, shape: place.shape }).trimEnd();
  const start = place.root.range?.[0] ?? 0;
  const last = place.root.items.at(-1) as Pair<Node, Node | null>;
  const end = place.root.flow === true ? (place.root.range?.[1] ?? start) : contentEnd(text, last);
  const column = start - (text.lastIndexOf("\n", start - 1) + 1);
  const indented = rendered.split("\n").join(`${eol}${" ".repeat(column)}`);
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

/** Where a document begins: at its `---`, or at the beginning of the text. */
function startOf(text: string, documents: readonly Document.Parsed[], index: number): number {
  const start = documents[index]?.range[0] ?? text.length;
  return index === 0 && !text.startsWith("---", start) ? 0 : start;
}

function withoutItem(text: string, place: Place): string {
  const { items, index } = place.list as NonNullable<Place["list"]>;
  const nodes = items.items as readonly Node[];
  const from = (node: Node | undefined): number => node?.range?.[0] ?? 0;
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
