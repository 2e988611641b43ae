import type { Collection, Graph } from "../collections/index.ts";

/** Somebody's wish to have something that only one can have: a domain of a listener, an address of a Proxy. */
export interface Claim {
  readonly claimant: string;
}

/** Who has what is claimed, and who else wants it. */
export interface Ownership {
  readonly owner: string;
  /** All claimants, the owner too, sorted. */
  readonly claimants: readonly string[];
}

/**
 * Decides who has what, by claim key. Whoever has something keeps it as long as it claims it: a newcomer that claims the same,
 * by mistake or not, takes nothing from the one that is served. Without such history, the first by name has it.
 */
export function ownerships<C extends Claim>(
  graph: Graph,
  name: string,
  claims: Collection<C>,
  claimKey: (claim: C) => string,
): Collection<Ownership> {
  const groups = graph.groupBy(`${name}-claims`, claims, (claim) => [claimKey(claim)]);
  return graph.derive(`${name}-owners`, groups, (group, _key, _lookup, previous: Ownership | undefined) => {
    const claimants = group.values.map((claim) => claim.claimant).toSorted();
    const owner = previous !== undefined && claimants.includes(previous.owner) ? previous.owner : claimants[0];
    return owner === undefined ? undefined : { owner, claimants };
  });
}
