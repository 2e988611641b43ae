import { isDeepStrictEqual } from "node:util";
import type { Document, Node, Pair, YAMLMap, YAMLSeq } from "yaml";
import type { JsonValue } from "./json-context.ts";
import { snakeCase } from "./json-lookup.ts";
import { isObject } from "./json-read.ts";
import { pairOf } from "./yaml-source.ts";
import { yaml } from "./yaml-library.ts";

/**
 * Changes a map's nodes from what they say (`before`) to what they shall say (`after`), both in today's names, and leaves
 * all else as it is: comments, order, older names of fields that don't change. Returns false where a changed field
 * stands under another name, so that only writing the map anew helps; its nodes are then in an undefined state.
 */
export function mergeMap(document: Document, map: YAMLMap, before: JsonObject, after: JsonObject): boolean {
  for (const key of Object.keys({ ...before, ...after })) {
    const [old, wanted] = [before[key], after[key]];
    if (isDeepStrictEqual(old, wanted)) continue;
    const pair = pairOf(map, key) ?? pairOf(map, snakeCase(key));
    if (pair === undefined && old !== undefined) return false;
    if (wanted === undefined) map.items.splice(map.items.indexOf(pair as Pair<Node, Node>), 1);
    else if (pair === undefined) map.set(key, document.createNode(wanted));
    else if (!mergeValue(document, pair, old, wanted)) return false;
  }
  return true;
}

type JsonObject = Readonly<Record<string, JsonValue>>;

function mergeValue(
  document: Document,
  pair: { value: Node | null },
  old: JsonValue | undefined,
  wanted: JsonValue,
): boolean {
  const node = pair.value;
  if (yaml().isMap(node) && isObject(old) && isObject(wanted)) return mergeMap(document, node, old, wanted);
  if (yaml().isSeq(node) && Array.isArray(old) && Array.isArray(wanted) && node.items.length === old.length) {
    return mergeList(document, node, old, wanted);
  }
  if (yaml().isScalar(node) && (typeof wanted !== "object" || wanted === null)) node.value = wanted;
  else pair.value = document.createNode(wanted);
  return true;
}

/** Items keep their comments as long as they are equal, or at the same place in a list of the same length. */
function mergeList(
  document: Document,
  list: YAMLSeq,
  old: readonly JsonValue[],
  wanted: readonly JsonValue[],
): boolean {
  if (old.length === wanted.length) {
    return wanted.every((item, index) => {
      if (isDeepStrictEqual(old[index], item)) return true;
      const slot = { value: list.items[index] as Node | null };
      const merged = mergeValue(document, slot, old[index], item);
      list.items[index] = slot.value;
      return merged;
    });
  }
  const nodes = [...list.items];
  const rest = [...old];
  list.items = wanted.map((item) => {
    const index = rest.findIndex((candidate) => isDeepStrictEqual(candidate, item));
    if (index === -1) return document.createNode(item);
    rest.splice(index, 1);
    return nodes.splice(index, 1)[0];
  });
  return true;
}

/** A map as a text of its own, without the comment before it, in the style that the map's text has. */
export function stringifyMap(map: YAMLMap, source: string): string {
  const { Document } = yaml();
  const document = new Document(null);
  for (const node of [map, map.items[0]?.key as Node | undefined]) {
    if (node === undefined) continue;
    node.commentBefore = null;
    node.spaceBefore = false;
  }
  document.contents = map;
  return document.toString({
    lineWidth: 0,
    // `- ` under its key's first letter, as Kubernetes' tools write it, or indented.
    indentSeq: !/^( *)[^\s#-][^\n]*:[ \t]*\r?\n\1- /m.test(source),
    flowCollectionPadding: /\{ /.test(source),
  });
}
