import type { SourceMetadata } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { FragmentOwner } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import type { ProblemSource } from "../resources/index.ts";

/** Where a part of a Proxy may say what it was made from. */
interface WithSources {
  readonly opaqueMetadata?:
    | { readonly $case: "metadata"; readonly value: unknown }
    | { readonly $case: "metadataStatic"; readonly value: SourceMetadata }
    | undefined;
}

/** The owner of a fragment, then what its parts name as their sources, each once. */
export function sourcesOf(
  owner: FragmentOwner | undefined,
  ...parts: readonly WithSources[]
): readonly ProblemSource[] {
  const sources = new Map<string, ProblemSource>();
  const add = (kind: string, ref: { readonly name: string; readonly namespace: string } | undefined, path = "") => {
    if (ref === undefined) return;
    // Gloo writes kinds as Go prints types: `*v1.VirtualService`.
    const plainKind = kind.replace(/^\*?v\d\w*\./, "");
    const key = `${plainKind}/${ref.namespace}/${ref.name}`;
    if (!sources.has(key) || path !== "") {
      const source = { kind: plainKind, ref: { namespace: ref.namespace, name: ref.name } };
      sources.set(key, path === "" ? source : { ...source, path });
    }
  };
  if (owner !== undefined) add(owner.kind, owner.ref);
  for (const { opaqueMetadata } of parts) {
    if (opaqueMetadata?.$case !== "metadataStatic") continue;
    for (const source of opaqueMetadata.value.sources) {
      add(source.resourceKind, source.resourceRef, source.path);
    }
  }
  return [...sources.values()];
}
