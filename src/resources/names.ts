import { EpoxyError } from "../errors/index.ts";
import type { AnyKind } from "./kind.ts";
import type { Ref } from "./ref.ts";

const labelPattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/**
 * Checks that a reference can name a resource of the kind: the name is a DNS-1123 subdomain of at most 253 characters,
 * the namespace a DNS-1123 label of at most 63, or empty for a kind of cluster scope. So no name can be a path.
 * @throws `invalid`
 */
export function checkRef(kind: AnyKind, ref: Ref): void {
  if (ref.name === "") throw invalid(kind, "has no name: add metadata.name");
  if (ref.name.length > 253)
    throw invalid(kind, `has a name of ${ref.name.length} characters: at most 253 are allowed`);
  if (!ref.name.split(".").every((label) => labelPattern.test(label))) {
    throw invalid(
      kind,
      `can't be named ${quote(ref.name)}: a name has lower-case letters, digits, "-" and ".", and begins and ends with a letter or digit`,
    );
  }
  if (kind.scope === "cluster") {
    if (ref.namespace === "") return;
    throw invalid(
      kind,
      `can't be in namespace ${quote(ref.namespace)}: the kind stands outside namespaces, remove metadata.namespace`,
    );
  }
  if (ref.namespace === "") throw invalid(kind, `${quote(ref.name)} has no namespace: add metadata.namespace`);
  if (ref.namespace.length > 63) {
    throw invalid(kind, `is in a namespace of ${ref.namespace.length} characters: at most 63 are allowed`);
  }
  if (!labelPattern.test(ref.namespace)) {
    throw invalid(
      kind,
      `can't be in namespace ${quote(ref.namespace)}: a namespace has lower-case letters, digits and "-", and begins and ends with a letter or digit`,
    );
  }
}

const quote = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

const invalid = (kind: AnyKind, detail: string): EpoxyError =>
  new EpoxyError("invalid", `${kind.kind} ${detail}`, { resource: kind.kind });
