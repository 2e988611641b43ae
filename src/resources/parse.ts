import { combineErrors, type EpoxyError, locatedError, type SourceLocation } from "../errors/index.ts";
import { createContext, describe, type PathStep, pathText, printable, type TypeRegistry } from "./json-context.ts";
import { isObject } from "./json-read.ts";
import type { AnyKind, Kind, Resource } from "./kind.ts";
import { nearestName } from "./nearest-name.ts";
import { type Ref, refKey, refText } from "./ref.ts";
import { apiVersionOf, type Registry } from "./registry.ts";
import { defaultStatusNamespace, type ReadResourceOptions, readResource, type Shape, shapeOf } from "./shape.ts";
import { holdsSecrets } from "./walk.ts";
import { readText, type TextDocument, type TextLimits, type TextTree } from "./text-tree.ts";

/** How resources are read. */
export interface ParseOptions extends TextLimits {
  /** The namespace that a status without one belongs to; default `gloo-system`. */
  readonly statusNamespace?: string | undefined;
  /** For namespaced resources that name none; by default it stays empty. */
  readonly defaultNamespace?: string | undefined;
  /** Messages that an Any may hold, besides the well-known types. */
  readonly types?: TypeRegistry | undefined;
}

/** A resource that was read. */
export interface ParsedDocument<T> {
  readonly resource: T;
  readonly kind: Kind<T & Resource>;
  /** Number of the document in the text, from 0. */
  readonly index: number;
  readonly shape: Shape;
  readonly location: SourceLocation;
  /** What was passed over without harm, such as a status that can't be read. */
  readonly notes: readonly string[];
}

/** A resource that could not be read. */
export interface BrokenDocument {
  /** As far as it could be told. */
  readonly kind: AnyKind | undefined;
  /** As far as it could be told. */
  readonly ref: Ref | undefined;
  readonly index: number;
  readonly location: SourceLocation;
  /** All that is wrong with it: `problemsOf` lists the single problems. */
  readonly error: EpoxyError;
}

/** What a text held. */
export interface ParseResult<T> {
  readonly documents: readonly ParsedDocument<T>[];
  /** Resources that are there but wrong. Not in here: what is no YAML at all. */
  readonly broken: readonly BrokenDocument[];
  /** Everything that is wrong, each with line, column and, where it has one, path. */
  readonly problems: readonly EpoxyError[];
  /** Whether all of the text is YAML: if so, what is neither in `documents` nor in `broken` is not in the text. */
  readonly wellFormed: boolean;
  /** Whether the text holds nothing, or only comments. */
  readonly empty: boolean;
}

/**
 * Reads resources from YAML or JSON, several documents and lists included, in either shape, with either shape of status.
 * One broken document doesn't hide the others. Never throws.
 *
 * @param kind the kind that all must have, or a registry: then each must say its kind
 * @param source names the text in errors: a path, a key
 */
export function parseResources<T extends Resource>(
  kind: Kind<T> | Registry,
  text: string,
  source: string,
  options: ParseOptions = {},
): ParseResult<T> {
  return parseTree(kind, readText(text, source, options), source, options);
}

/**
 * {@link parseResources} of one resource that an engine holds as JSON, not as text: problems have paths, but no lines.
 *
 * @param place names the resource in errors: a key
 */
export function parseResourceJson<T extends Resource>(
  kind: Kind<T>,
  json: unknown,
  place: string,
  options: ParseOptions = {},
): ParseResult<T> {
  const document = { index: 0, json: json ?? {}, locate: () => ({}) };
  return parseTree(kind, { documents: [document], problems: [] }, place, options);
}

/** {@link parseResources} of a text that has been read. */
export function parseTree<T extends Resource>(
  kind: Kind<T> | Registry,
  tree: TextTree,
  source: string,
  options: ParseOptions = {},
): ParseResult<T> {
  const reader = new ResourceReader<T>(kind, source, options);
  for (const document of tree.documents) if (document.json !== null) reader.read(document, document.json, []);
  return {
    documents: reader.documents,
    broken: reader.broken,
    problems: [...tree.problems, ...reader.problems],
    wellFormed: tree.problems.length === 0,
    empty: tree.problems.length === 0 && tree.documents.every(({ json }) => json === null),
  };
}

class ResourceReader<T extends Resource> {
  readonly documents: ParsedDocument<T>[] = [];
  readonly broken: BrokenDocument[] = [];
  readonly problems: EpoxyError[] = [];
  readonly #expected: Kind<T> | Registry;
  readonly #source: string;
  readonly #options: ReadResourceOptions;
  readonly #seen = new Map<string, SourceLocation>();

  constructor(expected: Kind<T> | Registry, source: string, options: ParseOptions) {
    this.#expected = expected;
    this.#source = source;
    this.#options = {
      statusNamespace: options.statusNamespace ?? defaultStatusNamespace,
      defaultNamespace: options.defaultNamespace,
      types: options.types,
    };
  }

  read(document: TextDocument, json: unknown, path: readonly PathStep[]): void {
    if (!isObject(json)) {
      this.#reject(document, undefined, undefined, [
        this.#error(document, `expected an object, found ${describe(json, this.#isSecret())}`, path),
      ]);
      return;
    }
    if (typeof json.kind === "string" && json.kind.endsWith("List") && Array.isArray(json.items) && path.length === 0) {
      for (const [index, item] of json.items.entries()) this.read(document, item, ["items", index]);
      return;
    }
    const kind = this.#kindOf(document, json, path);
    if (kind === undefined) return;
    const context = createContext({ types: this.#options.types, yaml: true, path });
    const { resource, ref, shape, notes } = readResource(context, kind, json, this.#options);
    const label = ref === undefined ? kind.kind : `${kind.kind} ${printable(refText(ref))}`;
    if (context.problems.length > 0) {
      const errors = context.problems.map((problem) =>
        this.#error(document, problem.message, problem.path, problem.atKey, label),
      );
      this.#reject(document, kind, ref, errors);
      return;
    }
    const location: SourceLocation = { source: this.#source, ...document.locate(path, false) };
    if (ref !== undefined) {
      const key = `${kind.plural}.${kind.group} ${refKey(ref)}`;
      const earlier = this.#seen.get(key);
      if (earlier !== undefined) {
        const detail = `${label} is in this text twice, first in line ${earlier.line}: remove or rename one`;
        this.#reject(document, kind, undefined, [locatedError("invalid", detail, location, { resource: label })]);
        return;
      }
      this.#seen.set(key, location);
    }
    this.documents.push({ resource, kind, index: document.index, shape, location, notes });
  }

  /** Whether what stands in the place of a resource may be meant for a sensitive field of it. */
  #isSecret(): boolean {
    return !("byKind" in this.#expected) && holdsSecrets(this.#expected.type);
  }

  #kindOf(
    document: TextDocument,
    json: Readonly<Record<string, unknown>>,
    path: readonly PathStep[],
  ): Kind<T> | undefined {
    const expected = this.#expected;
    const { apiVersion, kind } = json;
    const written = typeof apiVersion === "string" && typeof kind === "string" ? `${apiVersion} ${kind}` : undefined;
    if ("byKind" in expected) {
      const found = written === undefined ? undefined : expected.byKind(apiVersion as string, kind as string);
      if (found !== undefined) return found as Kind<T>;
      const near = typeof kind === "string" ? nearestKind(expected, kind) : undefined;
      const detail =
        written === undefined
          ? "it doesn't say what it is: add apiVersion and kind"
          : `unknown kind ${printable(written)}${near === undefined ? "" : `: did you mean ${near}?`}`;
      this.#reject(document, undefined, refIn(json), [this.#error(document, detail, path)]);
      return undefined;
    }
    // Both may be left out, and a field of the message may be named kind.
    if (shapeOf(expected.type, json) === "bare" || (apiVersion === undefined && kind === undefined)) return expected;
    const wanted = `${apiVersionOf(expected)} ${expected.kind}`;
    if (written === wanted) return expected;
    const found =
      written === undefined ? `apiVersion ${describe(apiVersion)} and kind ${describe(kind)}` : printable(written);
    const step = apiVersion === apiVersionOf(expected) || apiVersion === undefined ? "kind" : "apiVersion";
    this.#reject(document, undefined, refIn(json), [
      this.#error(document, `expected ${wanted}, found ${found}`, [...path, step]),
    ]);
    return undefined;
  }

  #error(
    document: TextDocument,
    detail: string,
    path: readonly PathStep[],
    atKey = false,
    resource?: string,
  ): EpoxyError {
    const location = { source: this.#source, ...document.locate(path, atKey), path: pathText(path) };
    return locatedError("invalid", detail, location, { resource });
  }

  #reject(
    document: TextDocument,
    kind: AnyKind | undefined,
    ref: Ref | undefined,
    errors: readonly EpoxyError[],
  ): void {
    const error = combineErrors(errors);
    const location = error.location ?? { source: this.#source };
    this.broken.push({ kind, ref: this.#withNamespace(ref, kind), index: document.index, location, error });
    this.problems.push(...errors);
  }

  #withNamespace(ref: Ref | undefined, kind: AnyKind | undefined): Ref | undefined {
    const namespace = this.#options.defaultNamespace;
    if (ref === undefined || ref.namespace !== "" || namespace === undefined || kind?.scope === "cluster") return ref;
    return { namespace, name: ref.name };
  }
}

function refIn(json: Readonly<Record<string, unknown>>): Ref | undefined {
  const metadata = json.metadata;
  if (!isObject(metadata) || typeof metadata.name !== "string") return undefined;
  return { namespace: typeof metadata.namespace === "string" ? metadata.namespace : "", name: metadata.name };
}

function nearestKind(registry: Registry, kind: string): string | undefined {
  const near = nearestName(
    kind,
    registry.all.map((candidate) => candidate.kind),
  );
  const found = registry.all.find((candidate) => candidate.kind === near);
  return found === undefined ? undefined : `${apiVersionOf(found)} ${found.kind}`;
}
