import { statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { locatedError } from "../../errors/index.ts";
import type { AnyKind } from "../../resources/index.ts";
import type { Problem } from "../client.ts";
import { readFolder } from "./file-cache.ts";
import type { Layout } from "./layout.ts";

/** Which folders matter to a kind, as they are now. */
export interface FolderPlan {
  /** Folders with resource files, by path: the namespace of each. */
  readonly folders: ReadonlyMap<string, string>;
  /** Folders in which one of those may appear or vanish. */
  readonly above: readonly string[];
  /** Files that lie where none is looked for. */
  readonly problems: readonly Problem[];
}

/** @throws EpoxyError `unavailable` if the kind's folder is there and can't be read */
export function planFolders(kind: AnyKind, layout: Layout): FolderPlan {
  const root = layout.kindFolder(kind);
  const above = foldersAbove(root, layout.directory);
  if (kind.scope === "cluster") return { folders: new Map(isFolder(root) ? [[root, ""]] : []), above, problems: [] };
  const { files, folders } = readFolder(root);
  return {
    folders: new Map(folders.map((namespace) => [join(root, namespace), namespace])),
    above: isFolder(root) ? [...above, root] : above,
    // In a folder shared with other things (no folder per kind), files beside the namespaces are nobody's business.
    problems: root === layout.directory ? [] : files.map((name) => misplaced(kind, join(root, name))),
  };
}

/** The storage's directory, what leads to the kind's folder, and, so that a directory made anew is seen, what holds them. */
function foldersAbove(root: string, directory: string): readonly string[] {
  const above = [dirname(directory)];
  for (let folder = root; folder.length > directory.length; ) above.push((folder = dirname(folder)));
  const present = above.filter(isFolder);
  if (present.length > 0) return present;
  let nearest = dirname(above[0] ?? directory);
  while (!isFolder(nearest)) nearest = dirname(nearest);
  return [nearest];
}

const isFolder = (path: string): boolean => {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
};

function misplaced(kind: AnyKind, path: string): Problem {
  const place = join(dirname(path), "<namespace>", basename(path));
  const error = locatedError("invalid", `a ${kind.kind} belongs in a namespace's folder: move it to ${place}`, {
    source: path,
  });
  return { ref: undefined, location: { source: path }, error, lastGoodKept: false };
}
