import type { Document, Node, Pair, YAMLMap } from "yaml";
import { type EpoxyError, locatedError } from "../errors/index.ts";
import { maxJsonDepth, type PathStep, pathText, shorten } from "./json-context.ts";
import { readJsonText } from "./json-text.ts";
import { createLineIndex, type LineAndColumn } from "./line-index.ts";
import { setOwn } from "./message.ts";
import { readPlainYaml } from "./plain-yaml.ts";
import { maxTokens, type ParsedYaml, parseYaml } from "./yaml-parse.ts";
import { yaml } from "./yaml-library.ts";

/** Bounds on what is read, against hostile input. */
export interface TextLimits {
  /** UTF-16 code units of a text; default 8 Mi. */
  readonly maxLength?: number | undefined;
}

/** One document of a text, as plain JSON that still knows where everything stood. */
export interface TextDocument {
  /** Number of the document in the text, from 0; empty documents count. */
  readonly index: number;
  /** null: the document is empty. */
  readonly json: unknown;
  /** Where a value, or a key, stands; of the nearest that exists. Lines and columns count from 1; what is no text has none. */
  locate(path: readonly PathStep[], atKey: boolean): Partial<LineAndColumn>;
}

/** What a text holds. */
export interface TextTree {
  readonly documents: readonly TextDocument[];
  /** Why the text, or one of its documents, is no YAML. */
  readonly problems: readonly EpoxyError[];
}

const defaultMaxLength = 8 * 1024 * 1024;

/** How many values aliases may add to a document: enough for any hand-written one, too few to exhaust memory. */
const maxAliasedNodes = 100_000;

const maxYamlProblems = 20;

/** Parses YAML or JSON, one or several documents. Never throws. */
export function readText(text: string, source: string, limits: TextLimits = {}): TextTree {
  const maxLength = limits.maxLength ?? defaultMaxLength;
  if (text.length > maxLength) {
    const detail = `too large: ${text.length} characters, at most ${maxLength} are read`;
    return { documents: [], problems: [locatedError("invalid", detail, { source, line: 1 })] };
  }
  const placeOf = createLineIndex(text);
  const json = readJsonText(text);
  const plain = json === undefined ? readPlainYaml(text) : { json, start: text.indexOf("{") };
  if (plain !== undefined) {
    let document: Document.Parsed | undefined;
    const locate: TextDocument["locate"] = (path, atKey) => {
      if (path.length === 0) return placeOf(plain.start);
      document ??= parseYaml(text).documents?.[0];
      return placeOf(document === undefined ? plain.start : locateNode(document, path, atKey));
    };
    return { documents: [{ index: 0, json: plain.json, locate }], problems: [] };
  }
  const { documents, refused } = parseYaml(text);
  const isSound = documents?.every(({ errors }) => errors.length === 0) === true;
  if (isSound) return treeOf(documents, text, source);
  return readPieces(text, source, placeOf) ?? treeOfParsed({ documents, refused }, placeOf, source);
}

/** A line that begins a document, wherever it stands. Source: https://yaml.org/spec/1.2.2/#912-document-markers, rule c-forbidden */
const documentMarker = /^---(?=[ \t\r\n]|(?![^]))/gm;
/** What may stand before the first document without being one: directives, comments. */
const prologue = /^\ufeff?(?:[ \t]*(?:[#%][^\n]*)?\r?\n)*$/;

/**
 * Reads each document by itself, where a fault in one could be taken for one of its neighbours: a quote or bracket that isn't closed
 * goes on over the next, a stray one counts for the document before. Undefined: there is but one.
 */
function readPieces(text: string, source: string, placeOf: PlaceOf): TextTree | undefined {
  const starts = [...text.matchAll(documentMarker)].map(({ index }) => index);
  if (starts.length > 0 && prologue.test(text.slice(0, starts[0]))) starts[0] = 0;
  if (starts[0] !== 0) starts.unshift(0);
  if (starts.length < 2) return undefined;
  const documents: TextDocument[] = [];
  const problems: EpoxyError[] = [];
  let count = 0;
  let tokensLeft = maxTokens;
  for (const [number, start] of starts.entries()) {
    const parsed = parseYaml(text.slice(start, starts[number + 1]), { maxTokens: tokensLeft });
    tokensLeft -= parsed.tokens;
    const tree = treeOfParsed(parsed, (offset) => placeOf(start + offset), source, count);
    documents.push(...tree.documents);
    problems.push(...tree.problems);
    count += parsed.documents?.length ?? 1;
  }
  return { documents, problems };
}

function treeOfParsed(
  { documents, refused }: Pick<ParsedYaml, "documents" | "refused">,
  placeOf: PlaceOf,
  source: string,
  firstIndex = 0,
): TextTree {
  if (documents !== undefined) return treeOfDocuments(documents, placeOf, source, firstIndex);
  const { message, offset } = refused as NonNullable<typeof refused>;
  return { documents: [], problems: [locatedError("invalid", message, { source, ...placeOf(offset) })] };
}

/** Plain JSON of YAML documents that are parsed already. */
export function treeOf(documents: readonly Document.Parsed[], text: string, source: string): TextTree {
  return treeOfDocuments(documents, createLineIndex(text), source, 0);
}

type PlaceOf = (offset: number) => LineAndColumn;

function treeOfDocuments(
  documents: readonly Document.Parsed[],
  placeOf: PlaceOf,
  source: string,
  firstIndex: number,
): TextTree {
  const read: TextDocument[] = [];
  const problems: EpoxyError[] = [];
  for (const [number, document] of documents.entries()) {
    const index = firstIndex + number;
    if (document.errors.length > 0) {
      for (const { message, pos } of document.errors.slice(0, maxYamlProblems)) {
        problems.push(
          locatedError("invalid", `not valid YAML: ${shorten(message, 200)}`, { source, ...placeOf(pos[0]) }),
        );
      }
      continue;
    }
    const conversion = new Conversion();
    const json = conversion.toJson(document.contents, 0);
    for (const { message, offset, path } of conversion.problems) {
      problems.push(locatedError("invalid", message, { source, path, ...placeOf(offset) }));
    }
    if (conversion.problems.length > 0) continue;
    const locate: TextDocument["locate"] = (path, atKey) => placeOf(locateNode(document, path, atKey));
    read.push({ index, json, locate });
  }
  return { documents: read, problems };
}

interface Anchor {
  readonly value: unknown;
  /** How many values it stands for, with its own aliases expanded. */
  readonly size: number;
}

/** Makes plain JSON of one document's nodes, within bounds. */
class Conversion {
  readonly problems: { message: string; offset: number; path: string }[] = [];
  readonly #anchors = new Map<string, Anchor | "open">();
  readonly #path: PathStep[] = [];
  #size = 0;
  #aliased = 0;

  toJson(node: Node | null, depth: number): unknown {
    if (node === null || this.problems.length >= maxYamlProblems) return null;
    if (yaml().isAlias(node)) return this.#resolve(node.source, node);
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor === undefined) return this.#convert(node, depth);
    const before = this.#size;
    this.#anchors.set(anchor, "open");
    const value = this.#convert(node, depth);
    this.#anchors.set(anchor, { value, size: this.#size - before });
    return value;
  }

  #convert(node: Node, depth: number): unknown {
    this.#size++;
    if (depth > maxJsonDepth) return this.#fail(`nested more than ${maxJsonDepth} levels deep`, node);
    if (yaml().isMap(node)) return this.#convertMap(node, depth);
    if (yaml().isSeq(node)) {
      return node.items.map((item, index) => {
        this.#path.push(index);
        const value = this.toJson(item as Node | null, depth + 1);
        this.#path.pop();
        return value;
      });
    }
    return yaml().isScalar(node) ? node.value : null;
  }

  #convertMap(map: YAMLMap, depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    const merged: Node[] = [];
    for (const pair of map.items as Pair<Node | null, Node | null>[]) {
      const key = keyText(pair.key);
      if (key === undefined) {
        this.#fail("a key must be text", pair.key ?? map);
        continue;
      }
      if (isMergeKey(pair.key)) {
        if (pair.value !== null) merged.push(pair.value);
        continue;
      }
      if (Object.hasOwn(object, key)) {
        this.#fail(`the key ${JSON.stringify(shorten(key))} is here twice: keep one`, pair.key ?? map);
        continue;
      }
      this.#path.push(key);
      setOwn(object, key, this.toJson(pair.value, depth + 1));
      this.#path.pop();
    }
    for (const node of merged) this.#merge(object, node, depth);
    return object;
  }

  /** Adds the keys of `<<: *anchor` that the map itself doesn't have. Source: https://yaml.org/type/merge.html */
  #merge(object: Record<string, unknown>, node: Node, depth: number): void {
    const value = this.toJson(node, depth + 1);
    for (const source of Array.isArray(value) ? value : [value]) {
      if (typeof source !== "object" || source === null || Array.isArray(source)) {
        this.#fail("only objects can be merged with <<", node);
        return;
      }
      for (const key of Object.keys(source)) {
        if (!Object.hasOwn(object, key)) setOwn(object, key, (source as Record<string, unknown>)[key]);
      }
    }
  }

  #resolve(name: string, node: Node): unknown {
    const anchor = this.#anchors.get(name);
    if (anchor === undefined) return this.#fail(`the anchor &${shorten(name)} is not defined before this alias`, node);
    if (anchor === "open") return this.#fail(`the alias *${shorten(name)} is inside what it stands for`, node);
    this.#size += anchor.size;
    this.#aliased += anchor.size;
    if (this.#aliased > maxAliasedNodes) {
      return this.#fail(`its aliases stand for more than ${maxAliasedNodes} values: write it without them`, node);
    }
    return anchor.value;
  }

  #fail(message: string, node: Node): null {
    if (this.problems.length < maxYamlProblems) {
      this.problems.push({ message, offset: node.range?.[0] ?? 0, path: pathText(this.#path) });
    }
    return null;
  }
}

/** A key as text, in the spelling of the source: `1.0` stays `1.0`. Undefined for what can't be a key of JSON. */
export function keyText(key: unknown): string | undefined {
  if (!yaml().isScalar(key) || key.value === null) return undefined;
  return typeof key.value === "string" ? key.value : (key.source ?? JSON.stringify(key.value));
}

function isMergeKey(key: unknown): boolean {
  return yaml().isScalar(key) && key.value === "<<" && key.type === "PLAIN";
}

/** The offset of the node at a path, or of its nearest ancestor that exists. */
function locateNode(document: Document.Parsed, path: readonly PathStep[], atKey: boolean): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? document.range[0];
  for (const [depth, step] of path.entries()) {
    if (yaml().isAlias(node)) node = node.resolve(document);
    if (yaml().isMap(node)) {
      const pair: Pair | undefined = node.items.find(({ key }) => keyText(key) === String(step));
      if (pair === undefined) return offset;
      const isLast = depth === path.length - 1;
      const target = (isLast && atKey) || !hasRange(pair.value) || yaml().isAlias(pair.value) ? pair.key : pair.value;
      offset = (target as Node).range?.[0] ?? offset;
      // A value that begins on a line of its own is found by its key.
      if (yaml().isMap(pair.value) || yaml().isSeq(pair.value)) offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (yaml().isSeq(node)) {
      node = node.items[Number(step)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function hasRange(node: unknown): boolean {
  const range = (node as Node | null)?.range;
  return range !== undefined && range !== null && range[1] > range[0];
}
