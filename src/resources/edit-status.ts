import { isDeepStrictEqual } from "node:util";
import type { YAMLMap } from "yaml";
import type { Status } from "../../generated/proto/epoxy/core/v1/status.ts";
import { EpoxyError } from "../errors/index.ts";
import type { JsonValue } from "./json-context.ts";
import { isObject } from "./json-read.ts";
import type { Kind, Resource } from "./kind.ts";
import { type ParseResult, parseResourceJson, parseTree } from "./parse.ts";
import { plainStatusEdit } from "./plain-status.ts";
import { type Ref, refText } from "./ref.ts";
import { statusToJson } from "./render.ts";
import { defaultStatusNamespace } from "./shape.ts";
import { statusOf } from "./status.ts";
import { readText, type TextTree, treeOf } from "./text-tree.ts";
import { applySplice, findPlace, mapAt, pairOf, parseSource, type Place, setKey } from "./yaml-source.ts";
import { yaml } from "./yaml-library.ts";

/** How a text is edited. */
export interface EditOptions {
  /** The namespace that a status without one belongs to; default `gloo-system`. */
  readonly statusNamespace?: string | undefined;
  /** The namespace of documents that name none. */
  readonly defaultNamespace?: string | undefined;
}

/**
 * Sets one reporter's status of a resource in a text, in the shape that the text has: `status`, `namespacedStatuses` or
 * `status.statuses`. Every character outside of that status stays as it is, comments and other documents included. A text
 * that says so already is returned as it is.
 *
 * @param reporter the namespace that the reporter writes to: the key among the statuses
 * @throws `not_found` if the resource is not in the text, `invalid` if the text is no YAML or can't be edited safely
 */
export function editStatus<T extends Resource>(
  text: string,
  kind: Kind<T>,
  ref: Ref,
  reporter: string,
  status: Status,
  options: EditOptions = {},
): string {
  return editStatusIn(text, kind, ref, reporter, status, options).text;
}

/** A text with a status set. */
export interface EditedText<T> {
  readonly text: string;
  /** What it holds, where the edit had to find out anyway. Nobody else holds the resources. */
  readonly parsed?: ParseResult<T> | undefined;
}

/** {@link editStatus} that gives what it has read of the edited text, too. @param source names the text in what it gives */
export function editStatusIn<T extends Resource>(
  text: string,
  kind: Kind<T>,
  ref: Ref,
  reporter: string,
  status: Status,
  options: EditOptions = {},
  source = "text",
): EditedText<T> {
  const json = statusToJson(kind, status);
  const statusNamespace = options.statusNamespace ?? defaultStatusNamespace;
  if (reporter === statusNamespace) {
    const edited = editPlain(text, kind, ref, json, options, source);
    if (edited !== undefined) return edited;
  }
  const label = `${kind.kind} ${refText(ref)}`;
  const documents = parseSource(text);
  const place = findPlace(documents, kind, ref, options.defaultNamespace);
  if (place === undefined) throw new EpoxyError("not_found", `${label} is not in the text`, { resource: label });
  const tree = treeOf(documents, text, source);
  if (isDeepStrictEqual(storedStatus(parseTree(kind, tree, source, options), kind, ref, reporter), json))
    return { text };
  const target = chooseTarget(place, reporter, statusNamespace, json);
  const edited = applySplice(text, spliceAt(text, place.root, target.path, target.value));
  const editedTree = readText(edited, source);
  const parsed = parseTree(kind, editedTree, source, options);
  const isRight =
    isDeepStrictEqual(storedStatus(parsed, kind, ref, reporter), json) &&
    isDeepStrictEqual(withoutStatus(editedTree, place), withoutStatus(tree, place));
  if (isRight) return { text: edited, parsed };
  const detail = "can't be set without touching the rest of the text: remove the status by hand";
  throw new EpoxyError("invalid", `the status of ${label} ${detail}`, { resource: label });
}

/** Undefined: the text is not plain enough to tell. */
function editPlain<T extends Resource>(
  text: string,
  kind: Kind<T>,
  ref: Ref,
  status: Readonly<Record<string, JsonValue>>,
  options: EditOptions,
  source: string,
): EditedText<T> | undefined {
  const edit = plainStatusEdit(text, kind, ref, status, options.defaultNamespace);
  if (edit === undefined) return undefined;
  const reporter = options.statusNamespace ?? defaultStatusNamespace;
  if ("status" in edit.json) {
    const stored = storedStatus(parseResourceJson(kind, edit.json, source, options), kind, ref, reporter);
    if (isDeepStrictEqual(stored, status)) return { text };
  }
  const edited = applySplice(text, edit.splice);
  const tree = readText(edited, source);
  const [document, ...others] = tree.documents;
  if (document === undefined || others.length > 0 || tree.problems.length > 0) return undefined;
  const parsed = parseTree(kind, tree, source, options);
  const isRight =
    isDeepStrictEqual(storedStatus(parsed, kind, ref, reporter), status) &&
    isDeepStrictEqual(stripStatus(document.json), stripStatus(edit.json));
  return isRight ? { text: edited, parsed } : undefined;
}

interface Target {
  readonly path: readonly string[];
  readonly value: JsonValue;
}

function chooseTarget(place: Place, reporter: string, statusNamespace: string, status: JsonValue): Target {
  const { root, shape } = place;
  const isDefault = reporter === statusNamespace;
  const node = pairOf(root, "status")?.value;
  if (yaml().isMap(node) && yaml().isMap(pairOf(node, "statuses")?.value))
    return { path: ["status", "statuses", reporter], value: status };
  const isEmpty =
    node === undefined ||
    node === null ||
    (yaml().isMap(node) && node.items.length === 0) ||
    (yaml().isScalar(node) && node.value === null);
  if (shape === "kubernetes") {
    if (isDefault) return { path: ["status"], value: status };
    const statuses: Record<string, JsonValue> = { [reporter]: status };
    if (!isEmpty) statuses[statusNamespace] = (node as YAMLMap).toJS(place.document) as JsonValue;
    return { path: ["status"], value: { statuses } };
  }
  const namespaced = ["namespacedStatuses", "namespaced_statuses"].find((key) => pairOf(root, key) !== undefined);
  const path = [namespaced ?? "namespacedStatuses", "statuses", reporter];
  if (!isDefault) return { path, value: status };
  const hasOwn =
    pairOf(mapAt(root, path.slice(0, 2)) ?? root, reporter) !== undefined &&
    mapAt(root, path.slice(0, 2)) !== undefined;
  return hasOwn || (namespaced !== undefined && isEmpty)
    ? { path, value: status }
    : { path: ["status"], value: status };
}

/** The change that sets a value at a path, with the maps on the way where they are missing. */
function spliceAt(text: string, root: YAMLMap, path: readonly string[], value: JsonValue): ReturnType<typeof setKey> {
  for (let depth = path.length - 1; depth > 0; depth--) {
    const map = mapAt(root, path.slice(0, depth));
    // An empty block map doesn't exist; an empty flow map is replaced to get the style of its surroundings.
    if (map === undefined || map.items.length === 0) continue;
    return setKey(text, map, path[depth] ?? "", nest(path.slice(depth + 1), value));
  }
  return setKey(text, root, path[0] ?? "", nest(path.slice(1), value));
}

function nest(path: readonly string[], value: JsonValue): JsonValue {
  return path.reduceRight<JsonValue>((inner, key) => ({ [key]: inner }), value);
}

function storedStatus(
  { documents }: ParseResult<Resource>,
  kind: Kind<any>,
  ref: Ref,
  reporter: string,
): JsonValue | undefined {
  const found = documents.find(
    ({ resource }) => resource.metadata?.name === ref.name && resource.metadata.namespace === ref.namespace,
  );
  const status = found === undefined ? undefined : statusOf(found.resource, reporter);
  return status === undefined ? undefined : statusToJson(kind, status);
}

/** Everything that the text says, but for the statuses of the resource at a place. */
function withoutStatus({ documents, problems }: TextTree, place: Place): unknown {
  if (problems.length > 0) return problems;
  return documents.map(({ index, json }) => {
    if (index !== place.index) return json;
    if (place.list === undefined) return stripStatus(json);
    const items = (json as { items: readonly unknown[] }).items;
    return {
      ...(json as object),
      items: items.map((item, position) => (position === place.list?.index ? stripStatus(item) : item)),
    };
  });
}

function stripStatus(json: unknown): unknown {
  if (!isObject(json)) return json;
  const { status: _, namespacedStatuses: __, namespaced_statuses: ___, ...rest } = json;
  return rest;
}
