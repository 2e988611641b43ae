/** Lists by what they were joined from. */
const origins = new WeakMap<readonly unknown[], readonly (readonly unknown[])[]>();

/**
 * Lists as one, which can be taken apart again by {@link joinedFrom}: whoever keeps what came of the pieces then needs no look at each
 * item. Neither the pieces nor the result may be changed afterwards.
 */
export function joinLists<T>(pieces: readonly (readonly T[])[]): readonly T[] {
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1) return only;
  const joined: readonly T[] = (pieces as T[][]).flat();
  origins.set(joined, pieces);
  return joined;
}

/** The lists that a list was joined from; of any other list itself. */
export function joinedFrom<T>(list: readonly T[]): readonly (readonly T[])[] {
  return (origins.get(list) as readonly (readonly T[])[] | undefined) ?? [list];
}

/** Whether two lists of equal items were joined from as long pieces; those without items don't count. */
export function joinedAlike(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a === b) return true;
  const [first, second] = [piecesWithItems(a), piecesWithItems(b)];
  return first.length === second.length && first.every((piece, at) => piece.length === second[at]?.length);
}

const piecesWithItems = (list: readonly unknown[]): readonly (readonly unknown[])[] =>
  joinedFrom(list).filter(({ length }) => length > 0);
