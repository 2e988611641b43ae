import { EpoxyError } from "../errors/index.ts";
import { type AnyKind, type Ref, refText } from "../resources/index.ts";

/** How a resource is named in errors, such as `VirtualService gloo-system.default`. */
export const resourceText = (kind: AnyKind, ref: Ref): string => `${kind.kind} ${refText(ref)}`;

/** @param place what holds the storage, as in `Storage.description` */
export function notFoundError(kind: AnyKind, ref: Ref, place: string): EpoxyError {
  const resource = resourceText(kind, ref);
  return new EpoxyError("not_found", `${resource} not found in ${place}`, { resource });
}

export function alreadyExistsError(kind: AnyKind, ref: Ref): EpoxyError {
  const resource = resourceText(kind, ref);
  return new EpoxyError("already_exists", `${resource} exists already`, { resource });
}

/** @param stored undefined: there is none */
export function versionConflictError(
  kind: AnyKind,
  ref: Ref,
  expected: string,
  stored: string | undefined,
): EpoxyError {
  const resource = resourceText(kind, ref);
  const now = stored === undefined ? "it does not exist" : `it is ${stored} now`;
  const message = `${resource} has changed: expected resourceVersion ${expected}, but ${now}; read it again`;
  return new EpoxyError("conflict", message, { resource });
}
