import { hash } from "node:crypto";
import { combineErrors, EpoxyError, locatedError, problemsOf } from "../../errors/index.ts";
import {
  checkRef,
  compactPlain,
  type Kind,
  type ParseResult,
  parseResources,
  type Resource,
  refKey,
  refOf,
} from "../../resources/index.ts";
import type { Problem } from "../client.ts";
import type { StoredEntry } from "../driver.ts";
import type { FileSnapshot } from "./file-snapshot.ts";
import { refOfPath } from "./layout.ts";

/** What a file holds, or held when it could last be read. */
export interface FileContent<T> {
  readonly path: string;
  readonly namespace: string;
  /** Empty if the file could not be read at all. */
  readonly version: string;
  /** Of the text. The text itself isn't kept: of ten thousand files it takes as much memory as what was read from them. */
  readonly digest: string;
  /** By {@link refKey}. */
  readonly entries: ReadonlyMap<string, StoredEntry<T>>;
  readonly problems: readonly Problem[];
  /** No text but white space: somebody is about to write it, or a crash has emptied it. */
  readonly blank: boolean;
  /** Keys of documents that are in the text but wrong; undefined: nobody can tell. */
  readonly brokenKeys: ReadonlySet<string> | undefined;
}

/** A text in the place of a file. */
export interface FileText<T = unknown> extends Pick<FileSnapshot, "path" | "text" | "version"> {
  /** What it holds, if that is known already; its resources are nobody else's. */
  readonly parsed?: ParseResult<T> | undefined;
}

export const textDigest = (text: string): string => hash("sha1", text, "base64");

/**
 * Reads the resources in a file. Never throws: what is wrong is in `problems`.
 * @param before what the file held until now; what hasn't changed of it is used again
 */
export function parseContent<T extends Resource>(
  kind: Kind<T>,
  snapshot: FileText<T>,
  namespace: string,
  before?: FileContent<T>,
): FileContent<T> {
  const { path, text, version } = snapshot;
  const base = { path, namespace, version, digest: textDigest(text) };
  if (text.trim() === "") {
    const error = locatedError("invalid", "the file is empty: fill or delete it", { source: path });
    return {
      ...base,
      entries: new Map(),
      problems: [problemOfFile(path, namespace, error)],
      blank: true,
      brokenKeys: undefined,
    };
  }
  const options = { defaultNamespace: kind.scope === "cluster" ? "" : namespace };
  const parsed = snapshot.parsed ?? parseResources(kind, text, path, options);
  const entries = new Map<string, StoredEntry<T>>();
  const problems = problemsIn(parsed, path, namespace);
  const brokenKeys = new Set<string>();
  for (const { ref } of parsed.broken) if (ref !== undefined) brokenKeys.add(refKey(ref));
  for (const { resource, location } of parsed.documents) {
    const key = refKey(refOf(resource));
    const known = before?.entries.get(key);
    const compacted = withVersion(compactPlain(resource, known?.resource), version);
    const ref = known?.ref ?? refOf(compacted);
    try {
      checkRef(kind, ref);
      checkPlace(kind, ref.namespace, namespace);
      entries.set(key, { ref, version, resource: compacted });
    } catch (error) {
      const { message } = error as Error;
      const located = locatedError("invalid", message, { ...location, path: "metadata" }, { cause: error });
      problems.push({ ref, location, error: located, lastGoodKept: false });
      brokenKeys.add(refKey(ref));
    }
  }
  const certain = parsed.wellFormed && parsed.broken.every(({ ref }) => ref !== undefined);
  return {
    ...base,
    entries,
    problems: problems.length === 0 ? NO_PROBLEMS : problems,
    blank: false,
    brokenKeys: !certain ? undefined : brokenKeys.size === 0 ? NO_KEYS : brokenKeys,
  };
}

const NO_PROBLEMS: readonly Problem[] = [];
const NO_KEYS: ReadonlySet<string> = new Set();

/** The content of a file that is there but can't be read. */
export function unreadableContent<T>(path: string, namespace: string, error: EpoxyError): FileContent<T> {
  const base = { path, namespace, version: "", digest: "", blank: false };
  return { ...base, entries: new Map(), problems: [problemOfFile(path, namespace, error)], brokenKeys: undefined };
}

/** The same text in a new state of the file. */
export function restamped<T extends Resource>(content: FileContent<T>, version: string): FileContent<T> {
  const entries = new Map<string, StoredEntry<T>>();
  for (const [key, { ref, resource }] of content.entries) {
    entries.set(key, { ref, version, resource: withVersion(resource, version) });
  }
  return { ...content, version, entries };
}

/**
 * The content with what it must not lose of the one before: an empty or unparsable text keeps all that it doesn't hold any more, a broken
 * document its own last good version.
 * @param final false: the file may be in the middle of being written, so nothing is lost yet, nor is emptiness a problem
 */
export function retainLastGood<T>(
  before: FileContent<T> | undefined,
  after: FileContent<T>,
  final: boolean,
): FileContent<T> {
  const kept = new Map<string, StoredEntry<T>>();
  for (const [key, entry] of before?.entries ?? []) {
    const uncertain = !final || after.blank || after.brokenKeys === undefined || after.brokenKeys.has(key);
    if (uncertain && !after.entries.has(key)) kept.set(key, entry);
  }
  if (after.blank && !final) return { ...after, entries: kept, problems: before?.problems ?? [] };
  if (kept.size === 0) return after;
  const whole = refKey(refOfPath(after.path, after.namespace));
  const problems = after.problems.map((problem) => {
    const key = problem.ref === undefined ? whole : refKey(problem.ref);
    return { ...problem, lastGoodKept: kept.has(key) || key === whole };
  });
  return { ...after, entries: new Map([...after.entries, ...kept]), problems };
}

/** Whether the text has lost something of `before` that a writer who is not done yet may be about to write again. */
export function isLosing<T>(before: FileContent<T> | undefined, after: FileContent<T>): boolean {
  if (after.blank) return true;
  const { brokenKeys } = after;
  if (before === undefined || brokenKeys === undefined) return false;
  return [...before.entries.keys()].some((key) => !after.entries.has(key) && !brokenKeys.has(key));
}

function problemsIn(parsed: ParseResult<unknown>, path: string, namespace: string): Problem[] {
  const problems: Problem[] = parsed.broken.map(({ ref, location, error }) => ({
    ref,
    location,
    error,
    lastGoodKept: false,
  }));
  const inDocuments = new Set(parsed.broken.flatMap(({ error }) => problemsOf(error)));
  const inText = parsed.problems.filter((error) => !inDocuments.has(error));
  if (inText.length > 0) {
    problems.push(problemOfFile(path, namespace, combineErrors(inText), parsed));
  }
  return problems;
}

function problemOfFile(path: string, namespace: string, error: EpoxyError, rest?: ParseResult<unknown>): Problem {
  const location = error.location ?? { source: path };
  const hasOthers = rest !== undefined && rest.documents.length + rest.broken.length > 0;
  const hidesOthers = hasOthers ? "probably" : "perhaps";
  return { ref: refOfPath(path, namespace), location, error, lastGoodKept: false, hidesOthers };
}

function checkPlace(kind: Kind<any>, named: string, folder: string): void {
  if (kind.scope === "cluster" || named === folder) return;
  const remedy = `move the file to the folder ${named}, or correct metadata.namespace`;
  throw new EpoxyError("invalid", `namespace ${named} is in the folder of namespace ${folder}: ${remedy}`);
}

const withVersion = <T extends Resource>(resource: T, resourceVersion: string): T => ({
  ...resource,
  metadata: { ...resource.metadata, resourceVersion },
});
