import type { AnyKind, Ref } from "../../resources/index.ts";

/** Where a kind's resources are below the mount: `<root>/<group>/<version>/<Kind>/<namespace>/<name>`, as in Gloo. */
export interface KeyLayout {
  /** The folder of the kind. */
  readonly folder: string;
  /** Whether the kind stands outside namespaces; its keys then have no namespace in them. */
  readonly isCluster: boolean;
  keyOf(ref: Ref): string;
  folderOf(namespace: string): string;
}

export function keyLayout(rootKey: string, kind: AnyKind): KeyLayout {
  const folder = `${rootKey}/${kind.group}/${kind.version}/${kind.kind}`;
  const isCluster = kind.scope === "cluster";
  return {
    folder,
    isCluster,
    keyOf: ({ namespace, name }) => (isCluster ? `${folder}/${name}` : `${folder}/${namespace}/${name}`),
    folderOf: (namespace) => `${folder}/${namespace}`,
  };
}
