import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { SourceLocation } from "../errors/index.ts";
import {
  type AnyKind,
  createPathLocator,
  type ParsedDocument,
  type PathLocator,
  parseResources,
  type Ref,
  refKey,
  refOf,
  type Resource,
} from "../resources/index.ts";
import { readText } from "./read-text.ts";
import type { Stores } from "./stores.ts";

/** Where a stored resource, or a field of it, is: a file with line and column, or a key of Consul or Vault. */
export type StoredPlaces = (kind: AnyKind, ref: Ref, path: string | undefined) => SourceLocation | undefined;

interface FoundFile {
  readonly locate: PathLocator;
  readonly documents: readonly ParsedDocument<Resource>[];
}

/** Finds places in what the stores are made of. Files are read only when they are asked for: all is well most of the time. */
export function storedPlaces(stores: Stores): StoredPlaces {
  const files = new Map<string, FoundFile | undefined>();
  const lists = new Map<string, readonly string[]>();

  function fileAt(kind: AnyKind, path: string): FoundFile | undefined {
    if (!files.has(path)) files.set(path, readFile(kind, path));
    return files.get(path);
  }
  const filesIn = (folder: string): readonly string[] => {
    const list = lists.get(folder) ?? listFiles(folder);
    lists.set(folder, list);
    return list;
  };

  return (kind, ref, path) => {
    for (const source of stores.sources(kind)) {
      if (source.type !== "directory") {
        const { group, version } = kind;
        if (source.type === "kubernetes")
          return { source: `${kind.plural}.${group} ${[ref.namespace, ref.name].filter(Boolean).join("/")}`, path };
        const root = source.type === "vault" ? `${source.mount}/data/${source.rootKey}` : source.rootKey;
        return { source: [root, group, version, kind.kind, ref.namespace, ref.name].filter(Boolean).join("/"), path };
      }
      const folder = join(source.directory, source.flat ? "" : kind.plural, ref.namespace);
      const own = join(folder, `${ref.name}.yaml`);
      for (const file of new Set([...filesIn(folder).filter((name) => name === own), ...filesIn(folder)])) {
        const found = fileAt(kind, file);
        const document = found?.documents.find(({ resource }) => refKey(refOf(resource)) === refKey(ref));
        if (found !== undefined && document !== undefined) return found.locate(document, path);
      }
    }
    return undefined;
  };
}

function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^[^.].*\.(ya?ml|json)$/.test(name))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function readFile(kind: AnyKind, path: string): FoundFile | undefined {
  try {
    const text = readText(path);
    const defaultNamespace = kind.scope === "cluster" ? "" : basename(dirname(path));
    const { documents } = parseResources<Resource>(kind, text, path, { defaultNamespace });
    return { locate: createPathLocator(text), documents };
  } catch {
    return undefined;
  }
}
