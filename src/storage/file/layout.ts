import { createHash } from "node:crypto";
import { basename, extname, join } from "node:path";
import type { AnyKind, Ref } from "../../resources/index.ts";

/** Where the files of a storage lie: `<directory>/<folder of the kind>/<namespace>/<name>.yaml`. */
export interface Layout {
  readonly directory: string;
  /** Folder that holds all of a kind. */
  kindFolder(kind: AnyKind): string;
  /** Folder that holds a namespace's; for a kind of cluster scope the kind's own. */
  namespaceFolder(kind: AnyKind, namespace: string): string;
  /** Files that a resource is looked for in first, the best first; it is written to the first. */
  ownPaths(kind: AnyKind, ref: Ref): readonly [string, ...string[]];
}

const extensions = [".yaml", ".yml", ".json"];

/** File systems take names of 255 bytes; a lock's and a temporary file's name must fit, too. */
const longestName = 200;

/** @param folder the folder of a kind within `directory`; empty: the directory itself */
export function createLayout(directory: string, folder: (kind: AnyKind) => string): Layout {
  const kindFolder = (kind: AnyKind) => join(directory, folder(kind));
  const namespaceFolder = (kind: AnyKind, namespace: string) =>
    kind.scope === "cluster" ? kindFolder(kind) : join(kindFolder(kind), namespace);
  return {
    directory,
    kindFolder,
    namespaceFolder,
    ownPaths(kind, ref) {
      const stem = join(namespaceFolder(kind, ref.namespace), shortened(ref.name));
      return [`${stem}.yaml`, `${stem}.yml`, `${stem}.json`];
    },
  };
}

/** Whether a file's name is one of a resource file. Editors' swap and backup files, locks and temporary files are not. */
export const isResourceFile = (name: string): boolean => !name.startsWith(".") && extensions.includes(extname(name));

/** The resource that a file is named for. */
export const refOfPath = (path: string, namespace: string): Ref => ({ namespace, name: basename(path, extname(path)) });

/** A name that fits a file system: a long one is cut and made unique by a hash. The file's metadata has it in full. */
export function shortened(name: string): string {
  if (name.length <= longestName) return name;
  return `${name.slice(0, longestName - 33)}~${createHash("sha256").update(name).digest("hex").slice(0, 32)}`;
}
