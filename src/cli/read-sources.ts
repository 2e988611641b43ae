import { readdirSync, statSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { SettingsKind } from "../../generated/sdk/index.ts";
import { EpoxyError, type SourceLocation } from "../errors/index.ts";
import {
  type AnyKind,
  checkRef,
  createPathLocator,
  type ParseResult,
  parseResources,
  refOf,
  type Resource,
} from "../resources/index.ts";
import { registry } from "./find-kind.ts";
import { readText } from "./read-text.ts";
import type { Terminal } from "./terminal.ts";

/** A resource that was read from a file or from stdin. */
export interface SourceDocument {
  readonly kind: AnyKind;
  readonly resource: Resource;
  /** Where a field stands; undefined: where the resource does. */
  readonly locate: (path: string | undefined) => SourceLocation;
}

export interface SourceContent {
  readonly documents: readonly SourceDocument[];
  /** Each with its place. */
  readonly problems: readonly EpoxyError[];
}

/** What resource files end by. */
const extensions = [".yaml", ".yml", ".json"];

/**
 * Reads resources from files, folders (with all below, but for what begins with a dot) and stdin (`-`). A document that doesn't say its kind
 * is taken for one of the kind whose folder it lies in, as in the folder of `epoxy serve`. Nothing is thrown: what can't be read is a problem.
 */
export async function readSources(
  paths: readonly string[],
  terminal: Terminal,
  defaultNamespace: string,
): Promise<SourceContent> {
  const documents: SourceDocument[] = [];
  const problems: EpoxyError[] = [];
  const add = (text: string, source: string, parse: () => ParseResult<Resource>): void => {
    const parsed = parse();
    const locator = createPathLocator(text);
    problems.push(...parsed.problems);
    for (const document of parsed.documents) {
      const { kind, resource, location } = document;
      try {
        checkRef(kind, refOf(resource));
        documents.push({ kind, resource, locate: (path) => locator(document, path) });
      } catch (error) {
        if (!(error instanceof EpoxyError)) throw error;
        problems.push(
          new EpoxyError(error.code, `${source}:${location.line}: ${error.message}`, { cause: error, location }),
        );
      }
    }
  };
  const attempt = <T>(path: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      problems.push(error instanceof EpoxyError ? error : unreadable(path, (error as Error).message));
      return undefined;
    }
  };
  for (const path of paths) {
    if (path === "-") {
      const text = await terminal.input();
      add(text, "standard input", () =>
        parseResources<Resource>(registry, text, "standard input", { defaultNamespace }),
      );
      continue;
    }
    for (const file of attempt(path, () => filesOf(path)) ?? []) {
      const text = attempt(file, () => readText(file));
      if (text === undefined) continue;
      const place = placeIn(path, file, text);
      const namespace = place?.namespace ?? defaultNamespace;
      add(text, file, () =>
        parseResources<Resource>(place?.kind ?? registry, text, file, { defaultNamespace: namespace }),
      );
    }
  }
  return { documents, problems };
}

const unreadable = (path: string, why: string): EpoxyError =>
  new EpoxyError("invalid", `${path}: can't be read: ${why}`, { location: { source: path } });

/** @throws Error if there is nothing at the path, or nothing to read in it */
function filesOf(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  const files = filesBelow(path);
  if (files.length === 0) throw new Error("there are no .yaml, .yml or .json files in it");
  return files;
}

function filesBelow(path: string): readonly string[] {
  const entries = readdirSync(path, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const file = join(path, entry.name);
    if (entry.name.startsWith(".")) return [];
    if (entry.isDirectory()) return filesBelow(file);
    return extensions.includes(extname(entry.name)) ? [file] : [];
  });
}

interface FilePlace {
  readonly kind: AnyKind;
  readonly namespace: string | undefined;
}

/** What the folders around a file say of what it holds, where the file itself doesn't say it. */
function placeIn(folder: string, file: string, text: string): FilePlace | undefined {
  if (folder === file || /^["']?apiVersion["']?\s*:/m.test(text) || /^\s*\{[^]*"apiVersion"/.test(text))
    return undefined;
  const folders = relative(folder, file).split(sep).slice(0, -1);
  const outer = folder.split(sep).at(-1) ?? "";
  const names = [outer, ...folders];
  const at = names.findLastIndex((name) => registry.all.some(({ plural }) => plural === name));
  const kind = registry.all.find(({ plural }) => plural === names[at]);
  if (kind !== undefined) return { kind, namespace: names[at + 1] };
  // The Settings of `epoxy serve` lie beside the folders of the rest.
  return folders.length === 1 ? { kind: SettingsKind, namespace: folders[0] } : undefined;
}
