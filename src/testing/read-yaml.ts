import { combineErrors, EpoxyError } from "../errors/index.ts";
import { type Kind, parseResources, type Resource } from "../resources/index.ts";

/**
 * The one resource that a text holds, in either shape, as a storage would read it.
 *
 * ```ts
 * const rollout = readYaml(RolloutKind, "metadata: {name: shop, namespace: default}");
 * ```
 * @throws `invalid`, with line and column of every mistake
 */
export function readYaml<T extends Resource>(kind: Kind<T>, text: string): T {
  const { documents, problems } = parseResources(kind, text, "yaml");
  if (problems.length > 0) throw combineErrors(problems);
  const [first, ...others] = documents;
  if (first === undefined || others.length > 0) {
    throw new EpoxyError("invalid", `one ${kind.kind} was expected, and the text has ${documents.length}`);
  }
  return first.resource;
}
