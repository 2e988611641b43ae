import type { AnyKind, Ref } from "../../resources/index.ts";

/** What a key stands for. */
type KeyPlace =
  | { readonly type: "resource"; readonly ref: Ref }
  /** A document at a namespace's own key, as Gloo's guide for Consul writes one; its metadata names it. */
  | { readonly type: "namespace"; readonly namespace: string }
  /** Consul's own user interface makes these. */
  | { readonly type: "folder" }
  | { readonly type: "stray" };

/** Where a kind's resources are in Consul: `<root>/<group>/<version>/<Kind>/<namespace>/<name>`, as in Gloo. */
export interface KeyLayout {
  /** Ends with a slash, so that it is no prefix of another kind's. */
  readonly prefix: string;
  keyOf(ref: Ref): string;
  /** Whether the kind stands outside namespaces; its keys then have no namespace in them. */
  readonly isCluster: boolean;
  placeOf(key: string): KeyPlace;
}

export function keyLayout(rootKey: string, kind: AnyKind): KeyLayout {
  const prefix = `${rootKey}/${kind.group}/${kind.version}/${kind.kind}/`;
  const isCluster = kind.scope === "cluster";
  return {
    prefix,
    keyOf: ({ namespace, name }) => prefix + (isCluster ? name : `${namespace}/${name}`),
    isCluster,
    placeOf(key) {
      const [first = "", second, ...rest] = key.slice(prefix.length).split("/");
      if (key.endsWith("/")) return { type: "folder" };
      if (rest.length > 0 || (isCluster && second !== undefined)) return { type: "stray" };
      if (isCluster) return { type: "resource", ref: { namespace: "", name: first } };
      if (second === undefined) return { type: "namespace", namespace: first };
      return { type: "resource", ref: { namespace: first, name: second } };
    },
  };
}
