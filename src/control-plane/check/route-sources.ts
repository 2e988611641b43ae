import type { Route } from "../../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { ProblemSource } from "../../resources/index.ts";

/** The resources that a route or virtual host of a Proxy was made from, outermost first. */
export function routeSources(metadata: Route["opaqueMetadata"]): readonly ProblemSource[] {
  if (metadata?.$case !== "metadataStatic") return [];
  return metadata.value.sources.map(({ resourceKind, resourceRef, path }) => ({
    kind: resourceKind.replace(/^\*v1\./, ""),
    ref: { namespace: resourceRef?.namespace ?? "", name: resourceRef?.name ?? "" },
    path: path === "" ? undefined : path,
  }));
}
