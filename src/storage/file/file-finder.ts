import { dirname, join } from "node:path";
import { EpoxyError } from "../../errors/index.ts";
import { type Kind, type Ref, type Resource, refKey } from "../../resources/index.ts";
import type { StoredEntry } from "../driver.ts";
import { type FileCache, readFolder } from "./file-cache.ts";
import type { FileContent } from "./file-content.ts";
import { readSnapshot } from "./file-snapshot.ts";
import { inForceFirst } from "./index-state.ts";
import type { Layout } from "./layout.ts";

/** A resource and the file that it is in. */
export interface Found<T> {
  readonly path: string;
  readonly entry: StoredEntry<T>;
}

/** Where else than in a file named for it a resource is to be looked for; undefined: nobody knows. */
export type PathIndex = (key: string) => { readonly path: string | undefined } | undefined;

/**
 * Finds the file that holds a resource: one named for it, or else the first by path that has it among its documents.
 * @throws EpoxyError of the file named for it if that can't be read, and no other file holds it
 */
export function findResource<T extends Resource>(
  kind: Kind<T>,
  ref: Ref,
  layout: Layout,
  cache: FileCache<T>,
  index: PathIndex,
): Found<T> | undefined {
  const key = refKey(ref);
  const at = (path: string): Found<T> | undefined => {
    const entry = cache.load(path, ref.namespace)?.entries.get(key);
    return entry === undefined ? undefined : { path, entry };
  };
  const own = layout.ownPaths(kind, ref);
  for (const path of own) {
    const found = at(path);
    if (found !== undefined) return found;
  }
  const known = index(key);
  const others =
    known === undefined ? otherFiles(kind, ref, layout, own) : [known.path].filter((path) => path !== undefined);
  for (const path of others) {
    const found = at(path);
    if (found !== undefined) return found;
  }
  const obstacle = own
    .map((path) => obstacleIn(cache.load(path, ref.namespace), key))
    .find((error) => error !== undefined);
  if (obstacle !== undefined) throw obstacle;
  return undefined;
}

/** Files of the folder whose text mentions the name. Most don't, and need not be parsed. */
function otherFiles(kind: Kind<any>, ref: Ref, layout: Layout, own: readonly string[]): readonly string[] {
  const folder = layout.namespaceFolder(kind, ref.namespace);
  const paths = readFolder(folder).files.map((name) => join(folder, name));
  return inForceFirst(ref.name, paths).filter((path) => !own.includes(path) && mentions(path, ref.name));
}

function mentions(path: string, name: string): boolean {
  try {
    return readSnapshot(path)?.text.includes(name) === true;
  } catch {
    // Lists report it; here it is just a file that doesn't hold the resource.
    return false;
  }
}

/** What is wrong with a file that may hold the resource, as far as anybody can tell. */
function obstacleIn(content: FileContent<any> | undefined, key: string): EpoxyError | undefined {
  if (content === undefined || content.blank) return undefined;
  if (content.brokenKeys?.has(key) === false) return undefined;
  const problem = content.problems.find(({ ref }) => ref === undefined || refKey(ref) === key) ?? content.problems[0];
  return problem?.error ?? new EpoxyError("invalid", `${dirname(content.path)} can't be read`);
}
