import { type Ref, type Resource, refOf } from "../resources/index.ts";

/** Order of lists: by namespace, then name; by UTF-16 code units, so that it is the same in every locale. */
export function compareRefs(a: Ref, b: Ref): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}

/** The resources in the order of lists, in a new array. */
export const inOrder = <T extends Resource>(resources: Iterable<T>): T[] =>
  [...resources].sort((a, b) => compareRefs(refOf(a), refOf(b)));
