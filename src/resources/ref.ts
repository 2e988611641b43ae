import { EpoxyError } from "../errors/index.ts";
import type { Resource } from "./kind.ts";
import { sharedText } from "./shared-text.ts";

/** Points to a resource of a known kind. The namespace of a cluster-scoped resource is empty. */
export interface Ref {
  readonly namespace: string;
  readonly name: string;
}

/** A key for maps and indexes: `namespace/name`, unambiguous since neither may hold a slash. */
export const refKey = (ref: Ref): string => sharedText(`${ref.namespace}/${ref.name}`);

/** The inverse of {@link refKey}. */
export function parseRefKey(key: string): Ref {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** How a reference is printed in errors, statuses and tables: `namespace.name`. */
export const refText = (ref: Ref): string => (ref.namespace === "" ? ref.name : `${ref.namespace}.${ref.name}`);

/** The reference to a resource. A resource without metadata is a bug of the caller or invalid input. */
export function refOf(resource: Resource): Ref {
  const metadata = resource.metadata;
  if (metadata === undefined) throw new EpoxyError("invalid", "the resource has no metadata: add metadata.name");
  return { namespace: metadata.namespace, name: metadata.name };
}
